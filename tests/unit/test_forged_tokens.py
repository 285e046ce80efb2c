"""No forged, foreign or broken token proves anything, and none is an error of ours (RFC 8725)."""

import base64
from typing import Any

import jwt
import pytest

from keyledger.contract.settings import Algorithm
from tests.unit.issued_tokens import OTHER, actor_of, by_hand, claims, issuer, public, token


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_a_token_without_signature_proves_nothing(alg: str) -> None:
    """`alg: none` in any case, with and without a key id."""
    for header in ({"alg": alg, "kid": "EdDSA-key"}, {"alg": alg}):
        assert actor_of(by_hand(header, None)) is None


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
@pytest.mark.parametrize("form", ["pem", "stripped"])
def test_a_public_key_is_never_taken_for_a_secret(algorithm: Algorithm, form: str) -> None:
    """Algorithm confusion: HS256 signed with the bytes of the public key."""
    pem = public(algorithm)
    secret = (pem if form == "pem" else pem.strip()).encode()
    forged = by_hand({"alg": "HS256", "kid": f"{algorithm}-key"}, secret)
    assert actor_of(forged, issuer(algorithm)) is None


def test_the_algorithm_is_the_issuers_choice_not_the_tokens() -> None:
    """A good signature of an algorithm that is not on the issuer's list proves nothing."""
    assert actor_of(token("ES256"), issuer("EdDSA", keys={"ES256-key": public("ES256")})) is None
    assert actor_of(token("ES256", kid="EdDSA-key"), issuer("EdDSA", "ES256")) is None


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "/dev/null", "", "' OR 1=1 --", "eddsa-key", "http://evil/jwks"]
)
def test_a_key_id_is_only_ever_compared(kid: str) -> None:
    """It is no path, no address and no query; one that is not configured proves nothing."""
    assert actor_of(token(kid=kid)) is None
    assert actor_of(by_hand({"alg": "HS256", "kid": kid}, b""), issuer("HS256")) is None


@pytest.mark.parametrize("kid", [7, ["EdDSA-key"], {"a": 1}, None, True], ids=repr)
def test_a_key_id_that_is_no_string_proves_nothing(kid: Any) -> None:
    """And is no error of ours."""
    assert actor_of(by_hand({"alg": "EdDSA", "kid": kid}, b"x")) is None


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_a_token_cannot_bring_its_own_key(member: str) -> None:
    """Keys in the header, or addresses of keys, are not looked at."""
    own = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": base64.urlsafe_b64encode(OTHER.public_key().public_bytes_raw()).decode(),
    }
    headers = {"kid": "EdDSA-key", member: own if member == "jwk" else "https://evil.example.org"}
    assert actor_of(jwt.encode(claims(), OTHER, "EdDSA", headers)) is None


def test_a_signature_of_another_key_proves_nothing() -> None:
    """Nor does one of another token."""
    assert actor_of(token(key=OTHER)) is None
    head, _, signature = token().split(".")
    _, body, _ = token(sub="bob").split(".")
    assert actor_of(f"{head}.{body}.{signature}") is None


def test_each_issuers_tokens_are_checked_with_its_own_keys() -> None:
    """One issuer cannot sign in another's name."""
    two = [issuer("EdDSA"), issuer("ES256", issuer="https://two.example.org")]
    assert actor_of(token("ES256", iss="https://two.example.org"), *two) is not None
    assert actor_of(token("ES256"), *two) is None
    assert actor_of(token("EdDSA", iss="https://two.example.org"), *two) is None


@pytest.mark.parametrize("part", [0, 1], ids=["header", "claims"])
def test_a_deeply_nested_token_proves_nothing(part: int) -> None:
    """Four thousand brackets in a token nobody signed are no error of ours."""
    parts = token().split(".")
    parts[part] = base64.urlsafe_b64encode(b"[" * 4_000).decode()
    assert actor_of(".".join(parts)) is None


@pytest.mark.parametrize(
    "exp",
    [float("inf"), float("nan"), 10**400, 10**15, -(10**15), True, [], {}],
    ids=lambda exp: repr(exp)[:9],
)
def test_an_end_that_is_no_time_is_no_error_of_ours(exp: Any) -> None:
    """Such a token proves nothing, or ends some day far away."""
    actor = actor_of(token(exp=exp))
    assert actor is None or exp in (10**15, 10**400)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "Bearer x",
        "é",
        "\x00",
        "a" * 8_192,
        "." * 8_192,
        "e30.e30.",
        "bnVsbA.bnVsbA.",
        "W10.W10.x",
    ],
)
def test_what_is_no_token_proves_nothing(text: str) -> None:
    """And is no error of ours."""
    assert actor_of(text) is None
