"""What the ledger makes of what sweeps tell: when Redis has lost its data, and when it has not."""

from collections.abc import Callable

import psycopg
import pytest

from keyledger.ledger.shards import Report, check_shards, note_report

Tell = Callable[..., int | None]


@pytest.fixture
def tell(connection: psycopg.Connection) -> Tell:
    """Tells the ledger of a sweep; what is not given is as in a shard that was seen a second before."""
    check_shards(connection, 1)
    note_report(connection, Report(0, "one", accepts=100, waiting=7, sweeps=50, now_ms=10_000))

    def tell(**seen: object) -> int | None:
        facts = {"identity": "one", "accepts": 120, "waiting": 3, "sweeps": 52, "now_ms": 11_000} | seen
        return note_report(connection, Report(0, **facts))  # type: ignore[arg-type]

    return tell


def test_a_shard_that_goes_on_has_lost_nothing(tell: Tell) -> None:
    """More accepts, more sweeps, the same name."""
    assert tell() is None


@pytest.mark.parametrize(
    "seen",
    [
        {"identity": "another"},
        {"accepts": 99},
        {"accepts": 5_000, "sweeps": 30},
        {"accepts": 5_000, "sweeps": 50},
        {"sweeps": 30, "now_ms": 10_000 - 20_000},
    ],
    ids=["another name", "fewer accepts", "filled again at once", "as before", "a clock that went back, too"],
)
def test_a_redis_that_went_back_is_noticed(
    tell: Tell, connection: psycopg.Connection, seen: dict[str, object]
) -> None:
    """However fast it fills again; with what waited when it was last seen, once."""
    assert 7 == tell(**seen)
    assert (
        tell(**{"sweeps": 53, "accepts": 6_000, "identity": "one", "now_ms": 12_000} | _named(seen)) is None
    )
    assert (1, 7) == connection.execute("SELECT losses, last_loss_commands FROM lane_shards").fetchone()


def _named(seen: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in seen.items() if name == "identity"}


@pytest.mark.parametrize("now_ms", [10_000, 9_000])
def test_a_report_that_comes_late_says_nothing(tell: Tell, now_ms: int) -> None:
    """Of another worker, from before the one that is known."""
    assert tell(accepts=90, sweeps=49, now_ms=now_ms) is None


def test_a_clock_that_went_back_is_no_loss(tell: Tell) -> None:
    """Its sweeps count on."""
    assert tell(now_ms=10_000 - 3_600_000) is None
