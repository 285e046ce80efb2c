"""Takes the pictures of `docs/images`: `./run screenshots`.

Starts a service of its own, gives it something to show, and looks at it with a real browser. Pictures are
taken anew by hand, when a page has changed; no test compares them.
"""

import json
import re
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.browser import opened_tab
from tests.lane_sides import lane_sides
from tests.service import Client, Service, running_service
from tests.waiting import wait_until

IMAGES: Final = Path(__file__).parent / "images"
POISON: Final = "0199b2d0-0000-7000-8000-000000000001"


def main() -> None:
    """Take all of them."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder) / "data") as service:
        shown = _fill(service)
        output = (service.data.parent / "data.output").read_text()
        flower, flower_password = re.findall(r"Flower: http://(\S+) .*password: (\S+)", output)[0]
        operator_password = re.findall(r"console: .*password: (\S+)", output)[0]
        with opened_tab(Path(folder) / "browser") as tab:
            tab.look(width=1280, height=800)
            logged_in = f"http://operator:{flower_password}@{flower}"
            for name, path, text in (
                ("flower-tasks", "/tasks", shown),
                ("flower-command", f"/task/{shown}", "number"),
                ("flower-workers", "/workers", "Online"),
            ):
                tab.open(logged_in + path)
                wait_until(lambda wanted=text: wanted in tab.text, 30, what=text)  # type: ignore[misc]
                _save(name, tab.picture())
            tab.open(f"{service.url}/console")
            tab.submit("form.login", name="operator", password=operator_password)
            for name, path in (
                ("console-overview", ""),
                ("console-dead-letter", f"/dead/{POISON}"),
                ("console-command", f"/command?id={shown}"),
            ):
                tab.open(f"{service.url}/console{path}")
                _save(name, tab.picture())
            tab.look(width=1280, height=800, scheme="dark")
            tab.open(f"{service.url}/console")
            _save("console-overview-dark", tab.picture())


def _fill(service: Service) -> str:
    """Keys, a rejection, a parked lane, a command that is given up; returns the id of a command."""
    client: Client = service.client
    with lane_sides(service.env["KEYLEDGER_REDIS_URL"]) as lanes:
        payload = {
            "v": 1, "id": POISON, "command": "AddPhysicalKey", "userId": "example_string",
            "fields": {"orgId": client.org_id, "note": 7}, "fingerprint": "00" * 32,
            "actor": {"credential": "key:old", "organisation": client.org_id},
            "acceptedAt": time.time_ns() // 1_000_000,
        }  # fmt: skip
        lanes.accept("example_string", POISON, payload=json.dumps(payload).encode())
    for number in range(40):
        client.create(f"user-{number}")
        client.add(f"user-{number}")
    client.remove("user-1", 99)
    shown = client.add("user-2", {"note": "front door"}).headers["command-id"]
    service.command("lane", "park", "user-3", "--reason", "numbers are looked into")
    for _ in range(3):
        client.add("user-3", prefer="respond-async")
    is_dead = lambda: POISON in service.command("dead", "list", "--json").stdout  # noqa: E731
    wait_until(is_dead, 60, what="a dead letter")
    return str(shown)


def _save(name: str, picture: bytes) -> None:
    (IMAGES / f"{name}.png").write_bytes(picture)
    print(f"{name}.png, {len(picture) // 1024} KiB")  # noqa: T201


if __name__ == "__main__":
    main()
