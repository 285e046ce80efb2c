"""How a trial is made: how much load, on how many processes, with which lease."""

from dataclasses import dataclass
from typing import Final

HOT_USER: Final = "user-0000"
ORGANISATION: Final = "torture"


@dataclass(frozen=True, slots=True)
class Shape:
    """`hot_share` of all commands are of one user."""

    commands: int = 10_000
    users: int = 200
    clients: int = 48
    workers: int = 2
    producers: int = 1
    lease_ms: int = 5_000
    hot_share: float = 0.5
    deliverers: int = 0
    """Processes of their own; without, workers deliver."""
    has_receiver: bool = True
    has_proxies: bool = True
    """Without, processes reach the servers directly: a proxy's time would count where rates are compared."""
    has_hosts: bool = False
    """Each process on a host: those of the same number share one, and the servers have one of their own."""
    slowed_host: str = ""
    """The one whose network can be made slow, if any."""
    bulk: int = 1_000_000
    """Commands of those faults that are about very many."""

    @property
    def lease_s(self) -> float:
        return self.lease_ms / 1000

    def of_workers(self, **settings: object) -> dict[str, dict[str, object]]:
        """Settings that all workers are to have."""
        return {f"worker-{number}": settings for number in range(1, self.workers + 1)}

    @property
    def user_ids(self) -> list[str]:
        """The hot one first."""
        return [f"user-{number:04}" for number in range(self.users)]
