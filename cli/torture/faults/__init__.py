"""All faults, by name: what `keyledger torture` can do to the service."""

from typing import Final

from ..fault import Fault
from .clocking import CLOCKING
from .crowding import CROWDING
from .ending import ENDING
from .freezing import FREEZING
from .hosting import HOSTING
from .misbehaving import MISBEHAVING
from .mixing import MIXING
from .poisoning import POISONING
from .serving import SERVING
from .upgrading import UPGRADING
from .wiring import WIRING

_ALL: Final = (
    *ENDING, *FREEZING, *SERVING, *WIRING, *CLOCKING, *MISBEHAVING, *POISONING, *CROWDING, *MIXING,
    *HOSTING, *UPGRADING,
)  # fmt: skip


def _place(fault: Fault) -> tuple[str, int]:
    """By letter, then by number."""
    name = fault.name.partition("-")[0]
    return name[0], int(name[1:])


FAULTS: Final[dict[str, Fault]] = {fault.name: fault for fault in sorted(_ALL, key=_place)}
