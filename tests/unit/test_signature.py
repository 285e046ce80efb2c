"""Signatures of webhooks, verified by the independent reference library and, for `v1a`, by ed25519 itself."""

import base64
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from keyledger.contract.signature import (
    make_secret,
    make_signing_key,
    parse_secret,
    public_key_of,
    signature_headers,
)

SECRET, OTHER = make_secret(b"a" * 32), make_secret(b"b" * 24)
BODY = '{"note":"é"}'.encode()
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
"""RFC 8032, 7.1, test 1."""
SIGNING_KEY = make_signing_key(SEED)


def now_s() -> int:
    return int(time.time())


@pytest.mark.parametrize("secrets", [[SECRET], [OTHER, SECRET], [SECRET, OTHER]])
def test_either_secret_of_a_rotation_verifies(secrets: list[str]) -> None:
    """One entry for each."""
    headers = signature_headers("id-1", now_s(), BODY, secrets)
    for secret in secrets:
        assert {"note": "é"} == Webhook(secret).verify(BODY, headers)
    assert len(secrets) == len(headers["webhook-signature"].split(" "))


@pytest.mark.parametrize(
    ("changed", "body"),
    [({"webhook-id": "id-2"}, BODY), ({}, BODY + b" "), ({"webhook-timestamp": str(now_s() - 1)}, BODY)],
)
def test_what_was_changed_does_not_verify(changed: dict[str, str], body: bytes) -> None:
    """Id, body and time are signed."""
    headers = signature_headers("id-1", now_s(), BODY, [SECRET]) | changed
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_what_is_stale_or_of_the_future_does_not_verify(seconds: int) -> None:
    """The library allows five minutes either way."""
    headers = signature_headers("id-1", now_s() + seconds, BODY, [SECRET])
    with pytest.raises(WebhookVerificationError, match="timestamp"):
        Webhook(SECRET).verify(BODY, headers)


def test_the_known_example_of_the_specification() -> None:
    """Standard Webhooks' own test vector."""
    headers = signature_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )  # fmt: skip
    assert "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" == headers["webhook-signature"]


@pytest.mark.parametrize("length", [23, 65])
def test_a_secret_has_24_to_64_bytes(length: int) -> None:
    """No fewer and no more."""
    with pytest.raises(ValueError, match="24 to 64"):
        make_secret(b"x" * length)


@pytest.mark.parametrize("text", ["", "whsec", "whsec_", "whsec_é", "whsec_AAAA", "sk_" + SECRET])
def test_what_cannot_be_a_secret_is_refused(text: str) -> None:
    """With its form."""
    with pytest.raises(ValueError, match="secret"):
        parse_secret(text)


@pytest.mark.parametrize("length", [24, 64])
def test_a_secret_is_read_back_as_itself(length: int) -> None:
    """The shortest and the longest."""
    assert b"x" * length == parse_secret(make_secret(b"x" * length))


def test_a_signing_key_is_seed_and_public_key() -> None:
    """Those of the RFC; the receiver's key is the second half."""
    assert "whsk_" + base64.b64encode(SEED + PUBLIC).decode() == SIGNING_KEY
    assert "whpk_" + base64.b64encode(PUBLIC).decode() == public_key_of(SIGNING_KEY)


def test_a_signing_key_signs_beside_a_secret() -> None:
    """In the order given, and each receiver finds its own."""
    headers = signature_headers("id-1", now_s(), BODY, [SIGNING_KEY, SECRET])
    entries = [entry.partition(",") for entry in headers["webhook-signature"].split(" ")]
    assert ["v1a", "v1"] == [version for version, _, _ in entries]
    signature = base64.b64decode(entries[0][2], validate=True)
    key = Ed25519PublicKey.from_public_bytes(PUBLIC)
    key.verify(signature, f"id-1.{headers['webhook-timestamp']}.".encode() + BODY)
    with pytest.raises(InvalidSignature):
        key.verify(signature, f"id-2.{headers['webhook-timestamp']}.".encode() + BODY)
    assert {"note": "é"} == Webhook(SECRET).verify(BODY, headers)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(length: int) -> None:
    """No fewer and no more."""
    with pytest.raises(ValueError, match="32 bytes"):
        make_signing_key(b"x" * length)


@pytest.mark.parametrize(
    "text",
    ["", SECRET, "whsk_", "whsk_é", "whsk_AAAA", SIGNING_KEY + "\n", SIGNING_KEY.replace("whsk_", "whpk_"),
     "whsk_" + base64.b64encode(SEED).decode(), "whsk_" + base64.b64encode(SEED + SEED).decode()],
)  # fmt: skip
def test_what_cannot_be_a_signing_key_is_refused(text: str) -> None:
    """Not even when only its public half is another's."""
    with pytest.raises(ValueError, match="signing key"):
        public_key_of(text)
