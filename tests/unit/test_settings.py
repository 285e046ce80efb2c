"""Settings: their names in the environment, their limits, and what their repr does not tell."""

import json

import pytest
from pydantic import ValidationError

from keyledger.contract.settings import Issuer, Settings

ISSUER = {"issuer": "https://id.example.org", "audience": "keyledger", "algorithms": ["EdDSA"]}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing of ours is set."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"KEYLEDGER_{name.upper()}", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("redis_url", "redis://r:1/2", "redis://r:1/2"),
        ("database_url", "postgresql://d/x", "postgresql://d/x"),
        ("lanes_shards", "4", 4),
        ("test_mode", "1", True),
        ("wait_default_s", "2.5", 2.5),
        ("retry_delays_s", "[1, 2]", [1.0, 2.0]),
        ("log_format", "json", "json"),
    ],
)
def test_each_setting_has_its_name_in_the_environment(
    environment: pytest.MonkeyPatch, name: str, text: str, expected: object
) -> None:
    """`KEYLEDGER_` and the name, in capitals."""
    environment.setenv(f"KEYLEDGER_{name.upper()}", text)
    assert expected == getattr(Settings(), name)


def test_without_an_environment_the_defaults_are_those_of_the_contract() -> None:
    """One shard, a wait of ten seconds, no failpoints, no limit on the rate."""
    settings = Settings()
    assert (1, 10, False, "") == (
        settings.lanes_shards, settings.wait_default_s, settings.test_mode, settings.failpoints
    )  # fmt: skip
    assert 0 == settings.organisation_rate_per_s


def test_a_name_without_the_prefix_is_not_ours(environment: pytest.MonkeyPatch) -> None:
    """`PORT` or `REDIS_URL` of another program changes nothing."""
    environment.setenv("PORT", "1")
    environment.setenv("REDIS_URL", "redis://other")
    assert (8080, "redis://127.0.0.1:6379/0") == (Settings().port, Settings().redis_url)


def test_unknown_settings_do_not_stop_the_service(environment: pytest.MonkeyPatch) -> None:
    """An older release starts with the environment of a newer one."""
    environment.setenv("KEYLEDGER_OF_A_LATER_RELEASE", "1")
    assert 8080 == Settings().port


@pytest.mark.parametrize("shown", [repr, str, Settings.model_dump_json], ids=["repr", "str", "json"])
def test_the_pepper_is_masked_wherever_settings_are_shown(
    environment: pytest.MonkeyPatch, shown: object
) -> None:
    """And can still be had by who asks for it."""
    assert callable(shown)
    environment.setenv("KEYLEDGER_API_KEY_PEPPER", "very-secret-pepper")
    settings = Settings()
    assert "very-secret-pepper" not in shown(settings)
    assert "very-secret-pepper" == settings.api_key_pepper.get_secret_value()


def test_secrets_of_issuers_are_masked_wherever_settings_are_shown(environment: pytest.MonkeyPatch) -> None:
    """The secret of an HS256 issuer signs tokens: it is a secret like the pepper."""
    secret = "hs256-secret-of-at-least-32-bytes!"
    issuer = ISSUER | {"algorithms": ["HS256"], "keys": {"one": secret}}
    environment.setenv("KEYLEDGER_JWT_ISSUERS", json.dumps([issuer]))
    settings = Settings()
    assert 1 == len(settings.jwt_issuers)
    assert secret not in repr(settings)


@pytest.mark.parametrize("name", ["redis_url", "database_url", "broker_url"])
def test_passwords_in_urls_are_masked_wherever_settings_are_shown(
    environment: pytest.MonkeyPatch, name: str
) -> None:
    """A URL with a password in it is a secret too."""
    for url in ("scheme://user:url-password@host/1", "scheme://host/1?a=b&password=url-password&c=d"):
        environment.setenv(f"KEYLEDGER_{name.upper()}", url)
        assert "url-password" not in repr(Settings())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lanes_shards", "0"), ("port", "0"), ("port", "65536"), ("wait_default_s", "0"),
        ("wait_default_s", "31"), ("lease_ms", "499"), ("drain_lanes", "0"), ("log_level", "loud"),
        ("test_mode", "perhaps"), ("organisation_rate_per_s", "-1"), ("jwt_issuers", '[{"issuer": "x"}]'),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_work_is_refused(environment: pytest.MonkeyPatch, name: str, text: str) -> None:
    """At the start, not when it first matters."""
    environment.setenv(f"KEYLEDGER_{name.upper()}", text)
    with pytest.raises(ValidationError, match=name):
        Settings()


@pytest.mark.parametrize("algorithm", ["none", "HS512", "PS256", "eddsa", ""])
def test_an_issuer_has_only_algorithms_of_the_list(algorithm: str) -> None:
    """EdDSA, ES256, RS256 or HS256; `none` cannot even be configured."""
    with pytest.raises(ValidationError, match="algorithms"):
        Issuer.model_validate(ISSUER | {"algorithms": [algorithm]})


def test_the_organisation_is_in_the_claim_org_id_unless_set_otherwise() -> None:
    """The name is a setting."""
    assert "org_id" == Issuer.model_validate(ISSUER).organisation_claim
    assert "tenant" == Issuer.model_validate(ISSUER | {"organisation_claim": "tenant"}).organisation_claim
