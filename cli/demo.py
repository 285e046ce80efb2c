"""The demo data of `keyledger up`: an organisation, its credentials, a user, and a first key.

Everything is made through the same doors that everybody uses, and made again without harm.
"""

import json
import ssl
from dataclasses import dataclass
from typing import Any, Final

import httpx
import psycopg

from keyledger.contract.api_key import parse_api_key
from keyledger.contract.settings import Settings
from keyledger.ledger.accounts import add_organisation, list_api_keys
from keyledger.ledger.connections import connect

from .api_keys import new_key
from .configured import CommandError
from .development import CERTIFICATE_FILE, mint_token
from .embedded import DataFolder

ORGANISATION: Final = "example_string"
USER: Final = "example_string"
DEMO_FILE: Final = "demo.json"
TOKEN_TTL_S: Final = 30 * 86_400
_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Demo:
    """What a client of the demo organisation needs."""

    url: str
    api_key: str
    token: str
    number: int
    curl: str


def make_demo(folder: DataFolder, settings: Settings, url: str) -> Demo:
    """Make or renew the demo data, give the user one key, and write `demo.json`."""
    with connect(settings.database_url, application="keyledger-up") as connection:
        add_organisation(connection, ORGANISATION, "Example organisation", None)
        api_key = (
            _known_key(folder, connection) or new_key(connection, settings, ORGANISATION, "demo", None).text
        )
    token = mint_token(folder.path, organisation=ORGANISATION, user=None, ttl_s=TOKEN_TTL_S)
    facts = {"url": url, "apiKey": api_key, "token": token, "orgId": ORGANISATION, "userId": USER}
    certificate = folder.path / CERTIFICATE_FILE if url.startswith("https:") else None
    if certificate is not None:
        facts["caFile"] = str(certificate)
    folder.write_private(DEMO_FILE, json.dumps(facts, indent=1))
    trust: ssl.SSLContext | bool = True
    if certificate is not None:
        trust = ssl.create_default_context(cafile=str(certificate))
    headers = {"Authorization": f"Bearer {token}", "X-API-Key": api_key}
    with httpx.Client(
        base_url=url, headers=headers, verify=trust, timeout=_TIMEOUT_S, trust_env=False
    ) as client:
        _send(client, "CreateUser", {"userId": USER})
        body = {"orgId": ORGANISATION, "orgName": "Example organisation", "note": "Front door"}
        number = _send(client, "AddPhysicalKey", body)["number"]
    return Demo(url, api_key, token, number, _curl(facts, body))


def _known_key(folder: DataFolder, connection: psycopg.Connection) -> str | None:
    """The key of an earlier start, if it is still known and not revoked."""
    try:
        text = json.loads((folder.path / DEMO_FILE).read_text())["apiKey"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    key = parse_api_key(str(text))
    valid = {stored.id for stored in list_api_keys(connection, ORGANISATION) if stored.revoked_ms is None}
    return key.text if key is not None and key.id in valid else None


def _send(client: httpx.Client, command: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        response = client.post(f"/users/{USER}/{command}", json=body)
    except httpx.HTTPError as error:
        raise CommandError(f"The producer did not answer {command}: {error!r}") from error
    if response.status_code not in (200, 201):
        raise CommandError(f"{command} was answered {response.status_code}: {response.text}")
    answer: dict[str, Any] = response.json()
    return answer


def _curl(facts: dict[str, str], body: dict[str, str]) -> str:
    trust = f"--cacert '{facts['caFile']}' " if "caFile" in facts else ""
    return " \\\n  ".join(
        [
            f"curl {trust}-X POST '{facts['url']}/users/{USER}/AddPhysicalKey'",
            f"-H 'Authorization: Bearer {facts['token']}'",
            f"-H 'X-API-Key: {facts['apiKey']}'",
            "-H 'Content-Type: application/json'",
            f"-d '{json.dumps(body)}'",
        ]
    )
