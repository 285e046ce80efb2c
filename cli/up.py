"""`keyledger up`: the whole service on this machine, by one command.

It ends everything it started, in order: Flower, producer, worker, servers. With servers of your own in the
environment it starts only producer and worker, and makes no demo data and no development issuer.
"""

import contextlib
import json
import socket
import time
from typing import Annotated, Final

import httpx
import typer
from rich.console import Console

from keyledger.contract.settings import Settings
from keyledger.lanes.connections import connect as connect_redis
from keyledger.ledger.compatibility import find_schema
from keyledger.ledger.connections import connect

from .configured import (
    DEFAULT_DATA,
    SERVICE_FILE,
    CommandError,
    DataOption,
    has_own_servers,
    settings_from,
)
from .demo import Demo, make_demo
from .development import make_certificate, make_issuer, utc_now
from .embedded import DataFolder, start_servers
from .flower import flower_password, flower_settings
from .migrate import bring_up_to_date
from .operators import make_operator
from .stopping import stoppable
from .supervising import Supervised, watch

PRODUCER_STOP_S: Final = 1.2
WORKER_STOP_S: Final = 1.5
FLOWER_STOP_S: Final = 1.0
READY_TIMEOUT_S: Final = 60.0
HOST: Final = "127.0.0.1"
OPERATOR: Final = "operator"

console = Console(stderr=True, highlight=False)


def up(
    data: DataOption = DEFAULT_DATA,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the API listens.")] = 8080,
    flower_port: Annotated[int, typer.Option(min=1, max=65535, help="Where Flower listens.")] = 5555,
    has_flower: Annotated[bool, typer.Option("--flower/--no-flower", help="Start Flower, too.")] = True,
    is_fresh: Annotated[bool, typer.Option("--fresh", help="Delete all data in the folder first.")] = False,
    is_once: Annotated[bool, typer.Option("--once", help="Stop when it has shown that it works.")] = False,
    has_tls: Annotated[bool, typer.Option("--tls", help="Serve https, self-made certificate.")] = False,
    is_migrating: Annotated[
        bool, typer.Option("--migrate", help="With servers of your own: bring the schema up to date.")
    ] = False,
) -> None:
    """Start the whole service: servers, producer, worker; and show a command that works when pasted.

    Example: keyledger up --port 8081 --data /tmp/try

    With KEYLEDGER_REDIS_URL and KEYLEDGER_DATABASE_URL it uses those servers instead.
    """
    began_s = time.monotonic()
    has_servers = has_own_servers()
    has_flower = has_flower and not is_once
    with stoppable(_say) as stopping, DataFolder.opened(data, is_fresh=is_fresh) as folder:
        _check_port(port, "--port")
        if has_flower:
            _check_port(flower_port, "--flower-port or leave Flower out with --no-flower")
        with contextlib.ExitStack() as stack:
            if has_servers:
                settings, env = _external(is_migrating), {}
            else:
                env = _embedded(folder, stack)
                settings = _settings_of(env)
            env |= {"KEYLEDGER_HOST": HOST, "KEYLEDGER_PORT": str(port)}
            if has_tls:
                certificate, key = make_certificate(folder, utc_now())
                env |= {"KEYLEDGER_TLS_CERTIFICATE": str(certificate), "KEYLEDGER_TLS_KEY": str(key)}
            env |= flower_settings(folder, HOST, flower_port)
            processes = _start_processes(folder, env, stack, has_flower=has_flower)
            stack.callback(stopping.event.set)
            url = f"{'https' if has_tls else 'http'}://{HOST}:{port}"
            _wait_until_ready(url, processes)
            demo = None if has_servers else make_demo(folder, settings, url)
            if not has_servers:
                make_operator(settings, OPERATOR, folder.secret("operator_password"))
            flower = f"http://{HOST}:{flower_port}" if has_flower else None
            _tell(url, flower, folder, demo, time.monotonic() - began_s)
            if not is_once:
                stopping.is_watched = True
                watch(processes, stopping.event, _say)
            _say("stopping")
    _say("stopped")


def _say(text: str) -> None:
    console.print(f"[dim]·[/dim] {text}", soft_wrap=True)


def _check_port(port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}): choose another with {option}, "
                "or stop what listens there"
            ) from error


def _embedded(folder: DataFolder, stack: contextlib.ExitStack) -> dict[str, str]:
    """Start the embedded servers, migrate, and leave their settings in the folder."""
    servers = start_servers(folder, _say)
    stack.callback(servers.stop)
    _say("bringing the schema up to date")
    bring_up_to_date(servers.database_url)
    env = {
        "KEYLEDGER_REDIS_URL": servers.redis_url,
        "KEYLEDGER_DATABASE_URL": servers.database_url,
        "KEYLEDGER_API_KEY_PEPPER": folder.secret("api_key_pepper"),
        "KEYLEDGER_WEBHOOK_SECRET_KEY": folder.secret("webhook_secret_key"),
        "KEYLEDGER_WEBHOOK_ALLOWS_PRIVATE": "true",
        "KEYLEDGER_JWT_ISSUERS": json.dumps([make_issuer(folder).model_dump(exclude_none=True)]),
    }
    lines = [f"{name}='{value}'" for name, value in env.items()]
    folder.write_private(SERVICE_FILE, "\n".join([*lines, ""]))
    return env


def _settings_of(env: dict[str, str]) -> Settings:
    """What its own processes are told, whatever else the environment says."""
    names = ("redis_url", "database_url", "api_key_pepper")
    return settings_from(None, **{name: env[f"KEYLEDGER_{name.upper()}"] for name in names})


def _external(is_migrating: bool) -> Settings:
    """Servers of your own: they must be at the right revision, or be brought there when asked."""
    from keyledger.ledger.migrations import newest_revision

    settings = settings_from(None)
    connect(settings.database_url, application="keyledger-cli").close()
    with connect_redis(settings.redis_url, name="keyledger-cli") as client:
        client.ping()
    if is_migrating:
        _say("bringing the schema up to date")
        bring_up_to_date(settings.database_url)
    with connect(settings.database_url, application="keyledger-cli") as connection:
        misfit = find_schema(connection).misfit(newest_revision())
    if misfit is not None:
        advice = "run keyledger up --migrate" if misfit.is_old else misfit.advice
        raise CommandError(f"{misfit.what}: {advice}")
    return settings


def _start_processes(
    folder: DataFolder, env: dict[str, str], stack: contextlib.ExitStack, *, has_flower: bool
) -> list[Supervised]:
    """The worker, then the producer, Flower last, which nothing waits for; stopped the other way round."""
    processes = []
    named = [("worker", WORKER_STOP_S), ("producer", PRODUCER_STOP_S)]
    if has_flower:
        named.append(("flower", FLOWER_STOP_S))
    for name, stop_timeout_s in named:
        _say(f"starting the {name}" if name != "flower" else "starting Flower")
        log = folder.folder("log") / f"{name}.log"
        process = Supervised(name, env, log, stop_timeout_s, is_vital=name != "flower")
        stack.callback(process.stop)
        processes.append(process)
    return processes


def _wait_until_ready(url: str, processes: list[Supervised]) -> None:
    """Wait for `/readyz`. A process that ends meanwhile is told about at once."""
    missing = "it does not answer"

    def is_ready() -> bool:
        nonlocal missing
        for process in processes:
            if process.process.exit_code is not None:
                raise CommandError(
                    f"{process.process.name} ended at its start: {process.process.last_words()}"
                )
        try:
            response = client.get("/readyz")
        except httpx.HTTPError:
            return False
        missing = response.text
        return response.status_code == 200

    # Nothing secret is sent here, so the self-made certificate need not be checked.
    with (
        console.status("waiting until it is ready"),
        httpx.Client(base_url=url, verify=False, timeout=2, trust_env=False) as client,
    ):
        ends_s = time.monotonic() + READY_TIMEOUT_S
        while not is_ready():
            if time.monotonic() > ends_s:
                raise CommandError(f"It was not ready after {READY_TIMEOUT_S:.0f} s: {missing}")
            time.sleep(0.05)


def _tell(url: str, flower: str | None, folder: DataFolder, demo: Demo | None, took_s: float) -> None:
    console.print(f"[green]✓[/green] keyledger is ready at [bold]{url}[/bold] after {took_s:.1f} s")
    console.print(f"  reference: {url}/docs   logs: {folder.path / 'log'}   stop: Ctrl-C", soft_wrap=True)
    if demo is not None:
        password = folder.secret("operator_password")
        console.print(f"  console: {url}/console   user: {OPERATOR}   password: {password}", soft_wrap=True)
    if flower is not None:
        password = flower_password(folder)
        console.print(f"  Flower: {flower}   user: operator   password: {password}", soft_wrap=True)
    if demo is None:
        return
    console.print(f"  user example_string was given key number [bold]{demo.number}[/bold]")
    console.print("\nGive another key; paste this:\n")
    typer.echo(demo.curl)
    console.print()
