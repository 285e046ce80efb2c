"""Every setting of the service, read from `KEYLEDGER_*` by a composition root, once.

The classes here describe; nothing is read until one is instantiated, and that happens only where a
process is put together. Secrets are `SecretStr`, so that printing settings masks them.
"""

import re
from collections.abc import Iterable
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Algorithm = Literal["EdDSA", "ES256", "RS256", "HS256"]


_USER_INFO: Final = re.compile(r"://[^/@]*@")
_PASSWORD: Final = re.compile(r"([?&](?:ssl)?password=)[^&]*", re.IGNORECASE)


class MissingSetting(Exception):
    """A setting without a default is not set; the message names it."""


class Issuer(BaseModel):
    """Who may issue tokens, and how theirs are checked (RFC 8725)."""

    issuer: str
    audience: str
    algorithms: list[Algorithm]
    keys: dict[str, str] = Field(
        default_factory=dict, repr=False, description="kid → PEM public key, or the HS256 secret"
    )
    jwks_url: str | None = None
    organisation_claim: str = "org_id"


class Settings(BaseSettings):
    """All settings, with their defaults."""

    model_config = SettingsConfigDict(env_prefix="KEYLEDGER_", extra="ignore")

    redis_url: str = Field("redis://127.0.0.1:6379/0", description="Lanes and Celery broker")
    broker_url: str | None = Field(None, description="Celery broker, if not the Redis of the lanes")
    database_url: str = Field("postgresql://127.0.0.1:5432/keyledger", description="The ledger")
    lanes_shards: PositiveInt = Field(1, description="Fixed when the ledger is first used")
    test_mode: bool = Field(False, description="Allows failpoints")
    failpoints: str = Field(
        "", description="`name=kill|stop|pause:<ms>|raise[*times][@nth]`, comma separated"
    )

    host: str = Field("127.0.0.1", description="Where a producer listens")
    port: int = Field(8080, ge=1, le=65535, description="Port of a producer")
    tls_certificate: str | None = Field(None, description="Path of a PEM certificate; serves https")
    tls_key: str | None = Field(None, description="Path of its PEM key")
    api_key_pepper: SecretStr = Field(
        SecretStr(""), description="Keys the HMAC under which API keys are stored"
    )
    jwt_issuers: list[Issuer] = Field(default_factory=list, description="JSON list")
    organisation_rate_per_s: int = Field(0, ge=0, description="Commands a second; 0: no limit")
    organisation_burst: int = Field(
        0, ge=0, description="Commands at once above the rate; 0: one second's worth"
    )
    wait_default_s: float = Field(
        10, gt=0, le=30, description="How long a request waits for its outcome unless it says otherwise"
    )

    lane_depth_max: PositiveInt = Field(10_000, description="Waiting commands of one user; more get 429")
    waiting_max: PositiveInt = Field(2_000_000, description="Waiting commands of a shard; more get 503")
    lease_ms: int = Field(
        5_000, ge=500, le=600_000, description="How long a worker that died keeps its lanes"
    )
    drains_max: PositiveInt = Field(2, description="Drains awake at once on a shard")
    drain_lanes: int = Field(256, ge=1, le=1_000, description="Lanes in one batch")
    drain_commands: PositiveInt = Field(512, description="Commands in one batch")
    drain_lane_commands: PositiveInt = Field(
        128, description="Commands of one lane in one batch, more only where others leave room"
    )
    drain_bytes: PositiveInt = Field(1_048_576, description="Bytes of commands in one batch")
    linger_ms: int = Field(50, ge=0, le=5_000, description="How long a drain without work stays awake")
    drain_max_s: float = Field(20, gt=0, description="After this a drain hands over to a fresh one")
    retry_delays_s: list[float] = Field([0.2, 1, 5, 20], description="Between attempts of one command")
    worker_threads: int = Field(
        0, ge=0, description="Drains of one worker process; 0: as many as its shards allow"
    )
    worker_delivers: bool = Field(
        True, description="Workers pass events on and deliver, too; false where `keyledger deliverer` runs"
    )
    sweep_interval_s: float = Field(
        0.5, gt=0, le=60, description="How often a worker looks for what was left lying"
    )

    event_source: str = Field("keyledger", description="`source` of all CloudEvents, a URI reference")
    event_stream_length: PositiveInt = Field(100_000, description="Entries kept in the event stream")
    event_bus_url: str | None = Field(None, description="A broker, by kombu URL, that is sent all events")
    relay_interval_s: float = Field(1, gt=0, le=60, description="How often the log is looked at unasked")

    webhook_secret_key: SecretStr = Field(
        SecretStr(""), description="Encrypts the secrets of webhook endpoints: a long random text"
    )
    webhook_allows_private: bool = Field(False, description="http and private addresses, for development")
    webhook_timeout_s: float = Field(15, gt=0, le=60, description="Of one attempt, body included")
    webhook_retry_delays_s: list[float] = Field(
        [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
        min_length=1,
        description="Between the attempts of one delivery",
    )
    webhook_disable_after_s: float = Field(432_000, gt=0, description="Of failures only, then it is disabled")
    webhook_retention_s: float = Field(7_776_000, gt=0, description="Deliveries are kept so long")
    webhook_disabled_retention_s: float = Field(
        2_592_000, gt=0, description="What is held for an endpoint that stays disabled is kept so long"
    )
    webhook_attempts_at_once: PositiveInt = Field(128, description="Of one worker process")

    console_enabled: bool = Field(True, description="Producers serve the operators' console at /console")
    console_session_s: PositiveInt = Field(28_800, description="How long a login of the console lasts")
    console_behind_tls: bool = Field(
        False, description="A proxy before the producers serves https: the session's cookie is marked so"
    )
    flower_host: str = Field("127.0.0.1", description="Where Flower listens; its /metrics has no password")
    flower_port: int = Field(5555, ge=1, le=65535, description="Port of Flower")
    flower_user: str = Field("operator", pattern="^[^:,]+$", description="Login of Flower")
    flower_password: SecretStr = Field(SecretStr(""), description="Password of Flower; it has no default")
    flower_state: str | None = Field(
        None, description="File in which Flower keeps what it has seen, each minute and when it stops"
    )
    flower_commands_per_s: int = Field(
        200, ge=0, description="Commands a second that a worker shows; rejections and failures always"
    )

    metrics_host: str = Field("127.0.0.1", description="Where /metrics listens")
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port of /metrics; by default 9464 for a producer, 9465 for a worker, 9466 for a "
        "deliverer; 0: none",
    )
    metrics_name_endpoints: bool = Field(
        False, description="Delivery attempts by endpoint, the first hundred of a process"
    )

    otlp_url: str | None = Field(
        None,
        pattern="^https?://",
        description="Where traces are sent, OTLP over HTTP, such as http://127.0.0.1:4318; it takes "
        "keyledger[tracing]",
    )
    trace_share: float = Field(
        1.0, ge=0, le=1, description="Of the traces that begin here; one that a client began is its to choose"
    )

    log_format: Literal["console", "json"] = Field(
        "console", description="Lines for people, or one JSON object a line"
    )
    log_hashes_users: bool = Field(
        False, description="Users in the log as keyed hashes: the same user, the same hash"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="At `info` a line a batch, at `debug` a line a command"
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """What is shown of the settings: passwords in URLs are masked, too."""
        for name, value in super().__repr_args__():
            yield name, _masked(value) if isinstance(value, str) else value


def _masked(text: str) -> str:
    return _PASSWORD.sub(r"\1***", _USER_INFO.sub("://***@", text))
