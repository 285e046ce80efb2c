"""The picture: throughput and latency over requests in flight, of everybody who answers HTTP.

It is drawn by matplotlib, in an environment of its own (`picture/`), which nobody else needs.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from .cells import OURS, Record
from .contestants import PEERS
from .environment import python_with
from .load import BenchError
from .ratios import series
from .report import TITLES

IN_FLIGHT: Final = (1, 8, 64, 256)
_VALUES: Final = ("rate_per_s", "p50_ms", "p99_ms")
_FOLDER: Final = Path(__file__).with_name("picture")
_TIMEOUT_S: Final = 120


def draw(records: Sequence[Record]) -> str:
    """The SVG. BenchError when it cannot be drawn."""
    python = python_with(_FOLDER / "requirements.txt", "picture")
    ran = subprocess.run(
        [python, _FOLDER / "draw.py"],
        input=json.dumps(lines(records)),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if ran.returncode != 0:
        raise BenchError(f"The picture could not be drawn: {ran.stderr.strip()[-500:]}")
    return ran.stdout


def lines(records: Sequence[Record]) -> list[dict[str, Any]]:
    """For each contestant its title and its points: how many in flight, and medians of what is drawn."""
    drawn = []
    for contestant in (OURS, *(peer.name for peer in PEERS)):
        points = []
        for count in IN_FLIGHT:
            load = f"uniform {count}"
            found = {name: series(records, "always", contestant, load, name) for name in _VALUES}
            if all(found.values()):
                medians = {name: median(values.values()) for name, values in found.items()}
                points.append({"in_flight": count, **medians})
        if points:
            drawn.append({"title": TITLES[contestant], "points": points})
    return drawn
