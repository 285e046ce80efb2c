"""F12: commands that no attempt can do, in the middle of others."""

from typing import Any, Final

from ..asking import Answered
from ..bulk import accept_all, envelope
from ..fault import Fault, Marker, Settings
from ..history import ACCEPTED
from ..latencies import answer_times_s, p99_s
from ..load import Wanted
from ..shape import ORGANISATION, Shape
from ..trial import Trial, now_ms

POISONED: Final = 12
PART_S: Final = 6.0
OTHERS_MAX: Final = 1.5
HARNESS: Final = 1_000_000
"""The process of the history under which the harness itself sends."""
FIGURE: Final = "p99 of other users' answers, times that without poison"
POISONS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"orgId": ORGANISATION, "note": "the database refuses this: \x00"},
    {"orgId": 7},
)
"""Fields that a handler raises at, and one that only the database refuses."""


def _quickly_given_up(_: object, shape: Shape) -> Settings:
    return shape.of_workers(retry_delays_s="[0.1, 0.3]")


def _poison(trial: Trial) -> None:
    """First a part without, then one with it."""
    trial.wait_until_loaded(0.1)
    users = trial.rng.sample(trial.shape.user_ids[1:], min(POISONED, trial.shape.users - 1))
    before_ms = now_ms()
    trial.pause(PART_S)
    trial.struck()
    with_ms = now_ms()
    for number, user in enumerate(users):
        poison = POISONS[number % len(POISONS)]
        one, wanted = envelope(user, "AddPhysicalKey", poison), Wanted("AddPhysicalKey", user, poison, None)
        trial.load.note(HARNESS, wanted)
        accept_all(trial.system.servers.redis_url, [one])
        trial.load.note(HARNESS, wanted, Answered("ok", ACCEPTED, one.id))
    trial.pause(PART_S)
    trial.recovers_from_here()
    history, until_ms = trial.load.history.entries, now_ms()
    alone = p99_s(answer_times_s(history, before_ms, with_ms, users[0]))
    beside = p99_s(
        time_s
        for time_s in answer_times_s(
            [entry for entry in history if entry.user not in users], with_ms, until_ms, ""
        )
    )
    trial.facts[FIGURE] = beside / alone if alone else 0.0
    if trial.facts[FIGURE] > OTHERS_MAX:
        trial.missed.append(f"{FIGURE}: {trial.facts[FIGURE]:.2f}")


POISONING: Final = (
    Fault(
        "F12-poison",
        "commands that no attempt can do",
        _poison,
        (
            Marker(
                "dead letters were made",
                lambda trial: trial.system.said("a command was given up") >= POISONED // 2,
            ),
        ),
        settings=_quickly_given_up,
    ),
)
