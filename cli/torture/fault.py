"""What a fault is: how it strikes, what must have been seen of it, and within what time all must go on.

A trial whose fault did not bite shows nothing, so each fault names its markers, and a trial without them
fails.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .shape import Shape

if TYPE_CHECKING:
    from .trial import Trial

Need = Literal["embedded", "clocks", "hosts", "previous"]
"""`embedded`: servers that may be killed; `clocks`: libfaketime, for clocks that jump; `hosts`: network
namespaces; `previous`: the version before this one, which makes the schema and all processes that run at
first."""
Settings = Mapping[str, Mapping[str, object]]
"""By process."""


@dataclass(frozen=True, slots=True)
class Marker:
    """Something that must have been seen, or the fault did not bite."""

    text: str
    is_seen: Callable[["Trial"], bool]


def _none(_: random.Random, __: Shape) -> Settings:
    return {}


def _as_it_is(shape: Shape) -> Shape:
    return shape


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `strike` returns when it is healed; `settings` are of the processes at their start."""

    name: str
    text: str
    strike: Callable[["Trial"], None]
    markers: tuple[Marker, ...]
    settings: Callable[[random.Random, Shape], Settings] = _none
    shaped: Callable[[Shape], Shape] = _as_it_is
    needs: frozenset[Need] = frozenset()
    runs_max: int | None = None
    """However many are asked for: of those that take long."""
    recovers_within_s: Callable[[Shape], float] | None = None
    """From the moment that `Trial.recovers_from_here` was called."""


def said(*texts: str, role: str = "worker") -> Marker:
    """A process of the role has logged one of these."""
    return Marker(
        f"{role} said: {' or '.join(texts)}",
        lambda trial: any(trial.system.said(text, role) > 0 for text in texts),
    )


def noted(fact: str) -> Marker:
    """The strike has noted it, with a value that counts."""
    return Marker(fact, lambda trial: bool(trial.facts.get(fact)))


def within_lease(shape: Shape) -> float:
    """A lease, and two seconds."""
    return shape.lease_s + 2
