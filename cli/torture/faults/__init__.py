"""All faults, by name: what `keyledger torture` can do to the service."""

from typing import Final

from ..fault import Fault
from .clocking import CLOCKING
from .crowding import CROWDING
from .ending import ENDING
from .freezing import FREEZING
from .misbehaving import MISBEHAVING
from .mixing import MIXING
from .poisoning import POISONING
from .serving import SERVING
from .upgrading import UPGRADING
from .wiring import WIRING

_ALL: Final = (
    *ENDING, *FREEZING, *SERVING, *WIRING, *CLOCKING, *MISBEHAVING, *POISONING, *CROWDING, *MIXING,
    *UPGRADING,
)  # fmt: skip
FAULTS: Final[dict[str, Fault]] = {
    fault.name: fault
    for fault in sorted(_ALL, key=lambda fault: int(fault.name.partition("-")[0].removeprefix("F")))
}
