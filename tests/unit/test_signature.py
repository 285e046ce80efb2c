"""Signatures of webhooks, verified by the independent reference library."""

import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from keyledger.contract.signature import make_secret, parse_secret, signature_headers

SECRET, OTHER = make_secret(b"a" * 32), make_secret(b"b" * 24)
BODY = '{"note":"é"}'.encode()


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
