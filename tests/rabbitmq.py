"""A RabbitMQ of a test's own, on free ports, in a temporary folder; Debian's package brings the program."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kombu.connection import Connection

from keyledger.cli.embedded.server_process import ServerProcess, free_port
from tests.programs import needed_program

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""The wrapper on the PATH changes to another user, who cannot read our folder."""


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """The URL of a broker that runs as long as the block."""
    program = SERVER if Path(SERVER).exists() else needed_program("rabbitmq-server")
    port, names_port = free_port(), free_port()
    env = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG")},
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(names_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "keyledger-test@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
    }
    url = f"amqp://guest:guest@127.0.0.1:{port}//"
    server = ServerProcess("RabbitMQ", [program], folder / "rabbitmq.log", env=env)
    try:
        server.wait_until(lambda: _answers(url), 60)
        yield url
    finally:
        server.stop(20)
        # The name server of this node alone: it has a port of its own.
        if epmd := shutil.which("epmd"):
            subprocess.run([epmd, "-kill"], env=env, capture_output=True, timeout=10, check=False)


def _answers(url: str) -> bool:
    with Connection(url, connect_timeout=2) as connection:
        try:
            connection.connect()
        except (OSError, *connection.connection_errors):
            return False
    return True
