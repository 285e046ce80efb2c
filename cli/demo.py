"""The demo data of `keyledger up`: an organisation, its credentials, a user, and a first key.

Everything is made through the same doors that everybody uses, and made again without harm.
"""

import json
import ssl
from dataclasses import dataclass
from typing import Final

import httpx
import psycopg

from keyledger.contract.api_key import parse_api_key
from keyledger.contract.settings import Settings
from keyledger.ledger.accounts import add_organisation, list_api_keys
from keyledger.ledger.connections import connect
from keyledger_client import Client, Completed, KeyledgerError

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
    body = {"orgId": ORGANISATION, "orgName": "Example organisation", "note": "Front door"}
    connections = httpx.Client(verify=trust, timeout=_TIMEOUT_S, trust_env=False)
    try:
        with Client(url, api_key=api_key, token=token, http=connections) as client:
            client.create_user(USER)
            added = client.add_physical_key(
                USER, ORGANISATION, org_name=body["orgName"], note=body["note"], wait_s=_TIMEOUT_S
            )
    except KeyledgerError as error:
        raise CommandError(f"The first key was not given: {error}") from error
    assert isinstance(added, Completed)
    number = added.number
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
