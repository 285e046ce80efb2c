"""Who may do what, and what proves it."""

import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keyledger.cli.development import mint_token
from tests.service import Client, Service
from tests.waiting import wait_until


@pytest.fixture
def anonymous(service: Service) -> Any:
    with httpx.Client(base_url=service.url, trust_env=False, timeout=30) as http:
        yield http


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def minted(service: Service, **claims: Any) -> str:
    """A token signed by the development issuer, with claims of our own."""
    now_s = int(time.time())
    base = {"iss": "keyledger-dev", "aud": "keyledger", "exp": now_s + 600, "org_id": "example_string"}
    merged = {name: value for name, value in (base | claims).items() if value is not None}
    key = (service.data / "dev-issuer.pem").read_bytes()
    return jwt.encode(merged, key, algorithm="EdDSA", headers={"kid": "dev"})


def add(
    http: httpx.Client, headers: dict[str, str], user: str, org_id: str = "example_string"
) -> httpx.Response:
    return http.post(f"/users/{user}/AddPhysicalKey", json={"orgId": org_id}, headers=headers)


def test_each_credential_is_enough(service: Service, anonymous: httpx.Client, user: str) -> None:
    """Token, API key, or both."""
    token, key = bearer(service.demo["token"]), {"X-API-Key": service.demo["apiKey"]}
    assert [200, 200, 200] == [
        add(anonymous, headers, user).status_code for headers in (token, key, token | key)
    ]


def test_no_credentials_is_401_and_says_what_is_wanted(anonymous: httpx.Client) -> None:
    """With a challenge."""
    answer = add(anonymous, {}, "ada")
    assert 401 == answer.status_code
    assert "Bearer" in answer.headers["www-authenticate"]


def bad_tokens(service: Service) -> dict[str, str]:
    now_s = int(time.time())
    stranger = Ed25519PrivateKey.generate()
    good = {"iss": "keyledger-dev", "aud": "keyledger", "exp": now_s + 600, "org_id": "example_string"}
    head, _, signature = minted(service).split(".")
    other_payload = minted(service, org_id="x").split(".")[1]
    return {
        "not a token": "abc",
        "only dots": "..",
        "alg none": jwt.encode(good, None, algorithm="none", headers={"kid": "dev"}),  # type: ignore[arg-type]
        "another's signature": jwt.encode(good, stranger, algorithm="EdDSA", headers={"kid": "dev"}),
        "payload changed": f"{head}.{other_payload}.{signature}",
        "HS256 with the public key": _confused(service, good),
        "wrong issuer": minted(service, iss="somebody"),
        "wrong audience": minted(service, aud="somebody"),
        "expired by 61 s": minted(service, exp=now_s - 61),
        "not yet valid": minted(service, nbf=now_s + 120),
        "no expiry": minted(service, exp=None),
        "kid is a path": jwt.encode(good, stranger, algorithm="EdDSA", headers={"kid": "../../etc/passwd"}),
        "kid unknown": jwt.encode(good, stranger, algorithm="EdDSA", headers={"kid": "other"}),
        "larger than 8 KiB": minted(service, padding="x" * 9_000),
        "organisation is no id": minted(service, org_id="a/b"),
        "neither organisation nor user": minted(service, org_id=None),
    }


def _confused(service: Service, claims: dict[str, Any]) -> str:
    """Algorithm confusion: the public key used as an HMAC secret."""
    import base64
    import hashlib
    import hmac

    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    private = load_pem_private_key((service.data / "dev-issuer.pem").read_bytes(), None)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = jwt.encode(claims, "k" * 32, headers={"kid": "dev"}).split(".")[:2]
    digest = hmac.digest(public, ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()])


def test_a_bad_token_is_refused(service: Service, anonymous: httpx.Client, user: str) -> None:
    """Each of them, with the same words, and nothing is enqueued."""
    before = service.accepts()
    answers = {name: add(anonymous, bearer(token), user) for name, token in bad_tokens(service).items()}
    assert {401} == {answer.status_code for answer in answers.values()}, {
        name: answer.status_code for name, answer in answers.items()
    }
    assert 1 == len({answer.json()["message"] for answer in answers.values()})
    assert before == service.accepts()


def test_a_token_that_expired_a_moment_ago_is_within_the_leeway(
    service: Service, anonymous: httpx.Client, user: str
) -> None:
    """Clocks differ a little."""
    assert 200 == add(anonymous, bearer(minted(service, exp=int(time.time()) - 5)), user).status_code


@pytest.mark.parametrize("key", ["", "x", "kl_123", "kl_" + "a" * 12 + "_" + "b" * 39])
def test_a_bad_api_key_is_refused(anonymous: httpx.Client, user: str, key: str) -> None:
    """Wrong form, wrong checksum, unknown."""
    assert 401 == add(anonymous, {"X-API-Key": key}, user).status_code


def test_both_must_be_valid_and_agree(service: Service, anonymous: httpx.Client, user: str) -> None:
    """Invalid is 401, contradiction is 403."""
    key = {"X-API-Key": service.demo["apiKey"]}
    assert 401 == add(anonymous, bearer("abc") | key, user).status_code
    assert 401 == add(anonymous, bearer(service.demo["token"]) | {"X-API-Key": "x"}, user).status_code
    other = bearer(mint_token(service.data, organisation="other", user=None, ttl_s=60))
    assert 403 == add(anonymous, other | key, user).status_code


def test_an_organisation_adds_keys_in_its_own_name_only(client: Client, user: str) -> None:
    """403, and which member."""
    answer = client.add(user, {"orgId": "somebody-else"})
    assert (403, "orgId") == (answer.status_code, answer.json()["details"][0]["field"])


def test_another_organisations_keys_are_neither_seen_nor_removed(
    service: Service, client: Client, anonymous: httpx.Client, user: str
) -> None:
    """Its numbers are 404, as if there were none."""
    client.add(user)
    assert 0 == service.command("org", "add", "rival").returncode
    rival = bearer(mint_token(service.data, organisation="rival", user=None, ttl_s=60))
    answer = add(anonymous, rival, user, "rival")
    assert (200, 2) == (answer.status_code, answer.json()["number"])
    removing = anonymous.post(f"/users/{user}/RemovePhysicalKey", json={"number": 1}, headers=rival)
    assert 404 == removing.status_code
    seen = anonymous.get(f"/users/{user}/PhysicalKeys", headers=rival).json()
    assert ([2], 1) == ([entry["number"] for entry in seen["keys"]], seen["total"])
    assert 404 == anonymous.get(f"/users/{user}/PhysicalKeys/1", headers=rival).status_code
    events = anonymous.get(f"/users/{user}/events", headers=rival).json()["events"]
    assert [3] == [event["version"] for event in events]
    foreign = f"/commands/{answer.headers['command-id']}"
    assert 404 == client.http.get(foreign).status_code
    assert 404 == client.http.post(f"{foreign}/cancel").status_code


def test_a_user_acts_on_their_own_id_and_for_registered_organisations(
    service: Service, anonymous: httpx.Client, user: str
) -> None:
    """Somebody else's id is 403, an unknown organisation too."""
    own = bearer(mint_token(service.data, organisation=None, user=user, ttl_s=60))
    assert 200 == add(anonymous, own, user).status_code
    assert 403 == add(anonymous, own, "somebody").status_code
    assert 403 == add(anonymous, own, user, "nobody-registered").status_code
    assert 403 == anonymous.get("/users/somebody/PhysicalKeys", headers=own).status_code
    assert 1 == anonymous.get(f"/users/{user}/PhysicalKeys", headers=own).json()["total"]


def test_the_event_records_who_did_it(service: Service, client: Client, user: str) -> None:
    """Organisation and credential; never the credential itself."""
    import psycopg

    client.add(user)
    with psycopg.connect(service.env["KEYLEDGER_DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT actor FROM events WHERE user_id = %s AND version = 2", [user]
        ).fetchone()
    assert row is not None
    assert "example_string" == row[0]["organisation"]
    key_id = service.demo["apiKey"].split("_")[1]
    assert f"jwt:keyledger-dev:dev key:{key_id}" == row[0]["credential"]


def test_a_revoked_key_is_refused_within_five_seconds(
    service: Service, anonymous: httpx.Client, user: str
) -> None:
    """What was accepted before is still done."""
    made = service.command("apikey", "create", "example_string", "--label", "short-lived")
    key = made.stdout.strip()
    assert 200 == add(anonymous, {"X-API-Key": key}, user).status_code
    assert 0 == service.command("apikey", "revoke", key.split("_")[1]).returncode
    wait_until(lambda: add(anonymous, {"X-API-Key": key}, user).status_code == 401, 5)


def test_a_rotated_key_and_its_successor_are_both_valid_for_the_overlap(
    service: Service, anonymous: httpx.Client, user: str
) -> None:
    """Then only the new one."""
    old = service.command("apikey", "create", "example_string").stdout.strip()
    new = service.command("apikey", "rotate", old.split("_")[1], "--overlap", "60").stdout.strip()
    assert [200, 200] == [add(anonymous, {"X-API-Key": key}, user).status_code for key in (old, new)]
    again = service.command("apikey", "rotate", new.split("_")[1], "--overlap", "1").stdout.strip()
    wait_until(lambda: add(anonymous, {"X-API-Key": new}, user).status_code == 401, 8)
    assert 200 == add(anonymous, {"X-API-Key": again}, user).status_code


def test_no_secret_is_in_a_log(service: Service) -> None:
    """Neither the token nor the API key nor a note."""
    written = "".join(path.read_text(errors="replace") for path in Path(service.data / "log").iterdir())
    assert service.demo["apiKey"] not in written
    assert service.demo["token"] not in written
    assert "Front door" not in written
