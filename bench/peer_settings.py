"""How many workers a peer has and what each has in work at once, for a machine's size.

On two cores what was tried (`peers/README.md`); on more, more workers, as far as the connections reach that
the server has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

CONNECTIONS_MAX: Final = 54
"""Of all workers: the embedded server has 64, and some are of the HTTP side and of the benchmark."""
MORE_WORKERS_MAX: Final = 3
"""Times those of two cores."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a peer's workers are set."""

    workers: int
    concurrency: int

    def __str__(self) -> str:
        return f"{self.workers} × {self.concurrency}"


@dataclass(frozen=True, slots=True)
class Sizing:
    """What is good on two cores, and how many connections a worker has beside one a command in work."""

    workers: int
    concurrency: int
    own_connections: int = 0

    def setting(self, cores: int) -> Setting:
        """For a machine of so many cores."""
        workers = self.workers * max(1, min(cores // 2, MORE_WORKERS_MAX))
        return Setting(workers, min(self.concurrency, CONNECTIONS_MAX // workers - self.own_connections))

    def candidates(self, cores: int) -> Iterator[Setting]:
        """All that are worth a try: one worker to one a core, with few and with many commands at once."""
        for workers in sorted({1, 2, max(1, cores // 2), cores}):
            for concurrency in (4, 8, 16, 32):
                if workers * (concurrency + self.own_connections) <= CONNECTIONS_MAX:
                    yield Setting(workers, concurrency)


SIZINGS: Final = {
    "celery-lock": Sizing(2, 16),
    "celery-retry": Sizing(2, 16),
    "celery-row-lock": Sizing(2, 16),
    "procrastinate": Sizing(2, 8, own_connections=6),
    "dbos": Sizing(1, 16, own_connections=11),
    "saq": Sizing(2, 8),
}
"""By the peer's name."""
