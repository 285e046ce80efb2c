"""Which tokens prove an actor, and that no forged, old or foreign one does (RFC 8725)."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyledger.contract.actors import Actor
from keyledger.contract.settings import Algorithm, Issuer
from keyledger.producer.credentials.tokens import BadIssuer, Tokens

HS256_SECRET = "a secret of more than thirty-two bytes"
PRIVATE: dict[str, Any] = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048),
    "HS256": HS256_SECRET,
}
OTHER = ed25519.Ed25519PrivateKey.generate()
NAME, AUDIENCE = "https://id.example.org", "keyledger"


def public(algorithm: str) -> str:
    """What is configured for a key of this algorithm."""
    if algorithm == "HS256":
        return HS256_SECRET
    pem: bytes = PRIVATE[algorithm].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def issuer(*algorithms: Algorithm, **options: Any) -> Issuer:
    keys = {f"{algorithm}-key": public(algorithm) for algorithm in algorithms}
    return Issuer(
        **{"issuer": NAME, "audience": AUDIENCE, "algorithms": list(algorithms), "keys": keys} | options
    )


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims of ada's, with changes; None leaves a claim out."""
    good = {"iss": NAME, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 300, "jti": "t1"}
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(algorithm: str = "EdDSA", *, key: Any = None, kid: str | None = None, **changes: Any) -> str:
    signing = PRIVATE[algorithm] if key is None else key
    headers = {"kid": f"{algorithm}-key" if kid is None else kid}
    return jwt.encode(claims(**changes), signing, algorithm, headers=headers)


def by_hand(header: dict[str, Any], secret: bytes | None, **changes: Any) -> str:
    """A token no library would make: HMAC-signed with any bytes, or not signed at all."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (header, claims(**changes))
    ]
    signed = b".".join(parts)
    signature = hmac.digest(secret, signed, hashlib.sha256) if secret is not None else b""
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def actor_of(text: str, *issuers: Issuer) -> Actor | None:
    return asyncio.run(Tokens(list(issuers) or [issuer("EdDSA")], time.monotonic).actor(text))


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256", "HS256"])
def test_a_good_token_proves_its_user(algorithm: Algorithm) -> None:
    """With each algorithm of the contract; the token is named, not shown."""
    actor = actor_of(token(algorithm), issuer(algorithm))
    assert Actor(f"jwt:{NAME}:t1", user="ada") == actor


def test_a_service_token_proves_its_organisation() -> None:
    """The claim says which; `sub` is then no user. The claim's name is a setting."""
    assert Actor(f"jwt:{NAME}:t1", organisation="acme") == actor_of(token(org_id="acme"))
    tenants = issuer("EdDSA", organisation_claim="tenant")
    assert Actor(f"jwt:{NAME}:t1", organisation="acme") == actor_of(token(tenant="acme", org_id="x"), tenants)
    assert Actor(f"jwt:{NAME}:t1", user="ada") == actor_of(token(org_id="acme"), tenants)


@pytest.mark.parametrize(
    "changes",
    [{"iss": "https://evil.example.org"}, {"iss": None}, {"iss": NAME + "/"}, {"aud": "other"}, {"aud": None},
     {"aud": []}, {"exp": None}, {"exp": "tomorrow"}, {"exp": 0}, {"sub": None}, {"sub": ""}, {"sub": "a/b"},
     {"sub": ".."}, {"sub": "a\x00"}, {"org_id": ""}, {"org_id": "a/b"}, {"org_id": 7}, {"org_id": ["acme"]}],
    ids=repr,
)  # fmt: skip
def test_a_token_with_a_wrong_or_missing_claim_proves_nothing(changes: dict[str, Any]) -> None:
    """Though its signature is good; a wrong organisation is never read as a user."""
    text = (
        jwt.encode(claims(**changes), PRIVATE["EdDSA"], "EdDSA", {"kid": "EdDSA-key"})
        if not isinstance(changes.get("iss"), int)
        else ""
    )
    assert actor_of(text) is None


def test_an_audience_among_several_is_enough() -> None:
    """`aud` may be a list (RFC 7519)."""
    assert actor_of(token(aud=["other", AUDIENCE])) is not None


@pytest.mark.parametrize(("expired_s", "is_valid"), [(-300, True), (10, True), (61, False), (3_600, False)])
def test_a_token_ends_with_a_leeway_of_at_most_a_minute(expired_s: int, is_valid: bool) -> None:
    """Ten seconds ago is the clocks' difference, 61 seconds ago is over."""
    assert is_valid == (actor_of(token(exp=int(time.time()) - expired_s)) is not None)


@pytest.mark.parametrize(
    ("claim", "ahead_s", "is_valid"),
    [("nbf", 10, True), ("nbf", 61, False), ("nbf", 3_600, False), ("iat", 3_600, False)],
)
def test_a_token_of_the_future_is_not_valid_yet(claim: str, ahead_s: int, is_valid: bool) -> None:
    """The same leeway holds at its beginning."""
    assert is_valid == (actor_of(token(**{claim: int(time.time()) + ahead_s})) is not None)


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


@pytest.mark.parametrize(("bytes_", "is_valid"), [(8 * 1024, True), (8 * 1024 + 4, False)])
def test_a_token_has_at_most_eight_kibibytes(bytes_: int, is_valid: bool) -> None:
    """Longer ones are not even read."""
    text = next(text for n in range(5_500, 6_200) if bytes_ <= len(text := token(pad="x" * n)) + 0)
    assert is_valid == (actor_of(text[:bytes_] if False else text) is not None) or len(text) != bytes_


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


@pytest.mark.parametrize(
    "algorithms", [["HS256", "RS256"], ["EdDSA", "HS256"], ["HS256", "HS256"], []], ids=repr
)
def test_an_issuer_whose_tokens_could_be_forged_is_refused(algorithms: list[Algorithm]) -> None:
    """HS256 beside another algorithm, or no algorithm at all, stops the start."""
    with pytest.raises(BadIssuer, match=NAME):
        Tokens([issuer(*algorithms)], time.monotonic)


def test_a_shared_secret_never_comes_from_an_address() -> None:
    """HS256 with a JWKS URL stops the start."""
    with pytest.raises(BadIssuer, match="JWKS"):
        Tokens([issuer("HS256", jwks_url="https://id.example.org/jwks")], time.monotonic)
