"""How CPython is set for a server of ours, before it serves.

Both settings are about latency under load and were measured (docs/decisions/0005-interpreter-settings.md).
"""

import gc
import sys
from typing import Final

SWITCH_INTERVAL_S: Final = 0.0005
"""A thread that wants the interpreter gets it this soon, not after 5 ms: requests and replies arrive on
threads of the HTTP server and of the drivers."""
GC_THRESHOLD: Final = 20_000


def settle_interpreter() -> None:
    """Switch threads sooner, and let the collector pass over what was loaded at the start."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
