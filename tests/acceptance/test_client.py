"""The Python client on the running service, and its documentation, literally."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from keyledger.cli.embedded.server_process import free_port
from keyledger_client import (
    Accepted,
    AsyncClient,
    Client,
    Command,
    Completed,
    Key,
    Refused,
    RetryPolicy,
    Unavailable,
    Unknown,
)
from tests.service import Service

ROOT: Final = Path(__file__).parents[2]
FEW: Final = RetryPolicy(tries=2, total_s=2, first_pause_s=0.01)


@pytest.fixture
def keyledger(service: Service):  # type: ignore[no-untyped-def]
    with Client(service.url, api_key=service.demo["apiKey"]) as client:
        yield client


def done(answer: Completed | Accepted | None) -> Completed:
    assert isinstance(answer, Completed)
    return answer


def test_keys_are_given_removed_and_listed_page_by_page(
    keyledger: Client, service: Service, user: str
) -> None:
    """More than a page of them, in number order."""
    org = service.demo["orgId"]
    numbers = [done(keyledger.add_physical_key(user, org, note=f"n{n}")).number for n in range(105)]
    assert list(range(1, 106)) == numbers
    assert done(keyledger.remove_physical_key(user, 3)).event is not None
    listed = list(keyledger.keys(user))
    assert [n for n in numbers if n != 3] == [key.number for key in listed]
    assert Key(1, org, None, "n0", listed[0].added_ms) == listed[0]
    assert 107 == len(list(keyledger.events(user)))
    assert [105] == [key.number for key in keyledger.keys(user, q="n104")]


def test_a_repeated_key_is_the_same_command(keyledger: Client, service: Service, user: str) -> None:
    """And says so."""
    org = service.demo["orgId"]
    first, again = (done(keyledger.add_physical_key(user, org, idempotency_key="one")) for _ in range(2))
    assert (first.number, first.command_id, True) == (again.number, again.command_id, again.is_replayed)


def test_who_does_not_wait_can_wait_or_cancel_later(keyledger: Client, service: Service, user: str) -> None:
    """By the command's id."""
    service.command("lane", "park", user, "--reason", "test")
    org = service.demo["orgId"]
    first, second = (keyledger.add_physical_key(user, org, wait_s=0) for _ in range(2))
    assert isinstance(first, Accepted)
    assert (None, "queued") == (
        keyledger.wait_for(first.command_id, 0.1),
        keyledger.status(first.command_id).status,
    )
    keyledger.cancel(first.command_id)
    with pytest.raises(Unknown) as unknown:
        keyledger.add_physical_key(user, org, wait_s=1)
    service.command("lane", "unpark", user)
    assert 1 == done(keyledger.wait_for(second.command_id)).number
    assert unknown.value.command_id is not None
    assert 2 == done(keyledger.wait_for(unknown.value.command_id)).number
    with pytest.raises(Refused, match="cancelled"):
        keyledger.wait_for(first.command_id)


def test_what_is_refused_is_an_error_with_code_and_fields(
    keyledger: Client, service: Service, user: str
) -> None:
    """Bad input, a rejection, wrong credentials."""
    with pytest.raises(Refused, match="orgId") as refused:
        keyledger.add_physical_key(user, "")
    assert (400, ["orgId"]) == (refused.value.code, [detail.field for detail in refused.value.details])
    with pytest.raises(Refused, match="404"):
        keyledger.remove_physical_key(user, 99)
    with Client(service.url, api_key="kl_wrong") as stranger, pytest.raises(Refused, match="401"):
        stranger.create_user("x")


def test_a_server_that_is_down_is_told_after_a_few_tries() -> None:
    """A command says that its fate is unknown; a question that there was no answer."""
    with Client(f"http://127.0.0.1:{free_port()}", api_key="k", retries=FEW) as client:
        with pytest.raises(Unknown, match="asked 2 times"):
            client.add_physical_key("ada", "acme")
        with pytest.raises(Unavailable):
            list(client.keys("ada"))


def test_the_async_client_does_the_same(service: Service, user: str) -> None:
    """Many at once, in one loop."""
    org = service.demo["orgId"]

    async def use() -> list[int]:
        async with AsyncClient(service.url, api_key=service.demo["apiKey"]) as client:
            added = await asyncio.gather(*(client.add_physical_key(user, org) for _ in range(20)))
            assert sorted(done(one).number for one in added) == list(range(1, 21))
            with pytest.raises(Refused):
                await client.remove_physical_key(user, 99)
            assert 21 == len([event async for event in client.events(user)])
            return [key.number async for key in client.keys(user)]

    assert list(range(1, 21)) == asyncio.run(use())


def test_many_are_sent_and_each_has_its_outcome(keyledger: Client, service: Service, user: str) -> None:
    """More than one request takes, in their order; what is refused is a value."""
    org = service.demo["orgId"]
    commands = [Command.add_physical_key(user, org, note=f"n{n}") for n in range(1_001)]
    commands += [Command.remove_physical_key(user, 7), Command.add_physical_key(user, "rival")]
    outcomes = keyledger.send_many(commands)
    assert list(range(1, 1_002)) == [done(one).number for one in outcomes[:1_001]]  # type: ignore[arg-type]
    assert 7 == done(outcomes[1_001]).number  # type: ignore[arg-type]
    assert isinstance(outcomes[1_002], Refused)
    again = keyledger.send_many(commands[:2])
    assert [True, True] == [done(one).is_replayed for one in again]  # type: ignore[arg-type]

    async def use() -> list[object]:
        async with AsyncClient(service.url, api_key=service.demo["apiKey"]) as client:
            return [type(one) for one in await client.send_many([Command.create_user(f"{user}-b")], wait_s=0)]

    assert [Accepted] == asyncio.run(use())


def test_its_documentation_runs(service: Service) -> None:
    """Block by block, as it stands."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/client.md").read_text(), re.M | re.S)
    assert 5 == len(blocks)
    names = {"url": service.url, "api_key": service.demo["apiKey"], "org_id": service.demo["orgId"]}
    code = "\n".join([*(f"{name} = {value!r}" for name, value in names.items()), *blocks])
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (0, "") == (ran.returncode, ran.stderr)
    for text in ("1 ", "Front door", "True True", "404 404: ", "1 2 404", "answer 401: "):
        assert text in ran.stdout


def test_it_needs_nothing_of_the_server(tmp_path: Path) -> None:
    """Imported from its own folder alone, it loads no part of keyledger."""
    loaded = "[name for name in sys.modules if name.split('.')[0] == 'keyledger']"
    code = f"import sys, keyledger_client; print({loaded})"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "client", capture_output=True, text=True, check=False
    )
    assert (0, "[]\n") == (ran.returncode, ran.stdout), ran.stderr
