"""All faults, by name: what `keyledger torture` can do to the service."""

from typing import Final

from ..fault import Fault
from .ending import ENDING
from .freezing import FREEZING
from .serving import SERVING
from .wiring import WIRING

FAULTS: Final[dict[str, Fault]] = {fault.name: fault for fault in (*ENDING, *FREEZING, *SERVING, *WIRING)}
