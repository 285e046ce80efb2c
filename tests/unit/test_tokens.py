"""Which tokens prove an actor, for how long, and which issuers may be configured (RFC 8725)."""

import time
from typing import Any

import jwt
import pytest

from keyledger.contract.actors import Actor
from keyledger.contract.settings import Algorithm
from keyledger.producer.credentials.tokens import BadIssuer, Tokens
from tests.unit.issued_tokens import AUDIENCE, NAME, PRIVATE, actor_of, claims, issuer, token


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
    assert actor_of(token(**changes)) is None


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
    future: dict[str, Any] = {claim: int(time.time()) + ahead_s}
    assert is_valid == (actor_of(token(**future)) is not None)


def test_a_token_has_at_most_eight_kibibytes() -> None:
    """The longest that fits is good, the next longer one is not even read."""
    texts = [token(pad="x" * length) for length in range(5_850, 5_950)]
    fitting = max((text for text in texts if len(text) <= 8_192), key=len)
    longer = min((text for text in texts if len(text) > 8_192), key=len)
    assert len(longer) - len(fitting) <= 2
    assert actor_of(fitting) is not None
    assert actor_of(longer) is None


def test_without_a_key_id_only_an_issuer_with_one_key_is_understood() -> None:
    """It is not tried which key fits."""
    text = jwt.encode(claims(), PRIVATE["EdDSA"], "EdDSA")
    assert actor_of(text) is not None
    assert actor_of(text, issuer("EdDSA", "ES256")) is None


@pytest.mark.parametrize("typ", ["at+jwt", "JWT", "jwt", "dpop+jwt", "secevent+jwt", 7], ids=repr)
def test_only_tokens_for_access_prove_something(typ: Any) -> None:
    """Another kind of JWT of the same issuer is none (RFC 8725, section 3.11)."""
    text = jwt.encode(claims(), PRIVATE["EdDSA"], "EdDSA", {"kid": "EdDSA-key", "typ": typ})
    assert (typ in ("at+jwt", "JWT", "jwt")) == (actor_of(text) is not None)


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
