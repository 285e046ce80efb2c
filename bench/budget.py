"""`python -m bench.budget`: where the processor time of a command goes, by process and by step.

By process it is what the kernel counted while the load ran, divided by the commands; the rest of a core is
waiting. Prints Markdown; with --write it goes into docs/performance.md.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from keyledger.cli.embedded import EmbeddedError

from .load import BenchError, Load, Target, check_wrk
from .measuring import USERS, Shape, loaded
from .ours import create_users, running_ours
from .pages import write_between
from .processor_time import spent_s
from .scratch import scratch_folder
from .steps import step_costs

SHAPES: Final = {
    "one in flight": Shape(1),
    "64 in flight": Shape(64),
    "64 in flight, one user": Shape(64, users=1),
    "256 in flight": Shape(256),
    "4 requests of 1,000": Shape(4, batch=1_000),
}
PROCESSES: Final = ("producer", "worker", "redis", "postgresql")
NAME: Final = "budget"
WARM_UP_S: Final = 3
PAUSE_S: Final = 1.0


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench budget", description=__doc__)
    parser.add_argument("--seconds", type=int, default=6, help="of each load (default: 6)")
    parser.add_argument("--repeats", type=int, default=3, help="the cheapest counts (default: 3)")
    parser.add_argument("--write", action="store_true", help="into docs/performance.md, too")
    options = parser.parse_args()
    try:
        check_wrk()
        costs = _by_process(options.seconds, options.repeats)
    except (BenchError, EmbeddedError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    page = f"{_process_table(costs)}\n{_step_table(step_costs())}"
    print(page)
    if options.write:
        write_between(Path("docs") / "performance.md", NAME, page)
    return 0


def _by_process(seconds: int, repeats: int) -> dict[str, tuple[float, dict[str, float]]]:
    """By load: commands/s, and microseconds of each process for one command."""
    found: dict[str, tuple[float, dict[str, float]]] = {}
    with scratch_folder(NAME) as folder, running_ours(folder) as target:
        create_users(target, USERS)
        loaded(target, SHAPES["64 in flight"], WARM_UP_S)
        for repeat in range(repeats):
            for name, shape in SHAPES.items():
                print(f"· {repeat + 1} of {repeats}: {name}", file=sys.stderr, flush=True)
                load, spent = _measured(target, folder, shape, seconds)
                each_us = {name: spent[name] / load.good * 1e6 for name in PROCESSES}
                before = found.get(name)
                if before is None or sum(each_us.values()) < sum(before[1].values()):
                    found[name] = load.rate_per_s, each_us
    return found


def _measured(target: Target, folder: Path, shape: Shape, seconds: int) -> tuple[Load, dict[str, float]]:
    time.sleep(PAUSE_S)
    before = spent_s(folder)
    load = loaded(target, shape, seconds)
    if not load.is_valid:
        raise BenchError(f"{load.wrong} of {load.answers} answers were not a 200 with success")
    after = spent_s(folder)
    return load, {name: after[name] - before[name] for name in after}


def _process_table(costs: dict[str, tuple[float, dict[str, float]]]) -> str:
    lines = [
        f"| µs a command | {' | '.join(PROCESSES)} | together | commands/s | cores busy |",
        f"|---|{'---|' * (len(PROCESSES) + 3)}",
    ]
    for name, (rate, each_us) in costs.items():
        together = sum(each_us.values())
        cells = [*(f"{each_us[process]:,.0f}" for process in PROCESSES), f"{together:,.0f}"]
        lines.append(f"| {name} | {' | '.join(cells)} | {rate:,.0f} | {together * rate / 1e6:.2f} |")
    return "\n".join([*lines, ""])


def _step_table(steps: dict[str, float]) -> str:
    lines = [
        "| step, alone | µs |",
        "|---|---|",
        *(f"| {name} | {cost:.1f} |" for name, cost in steps.items()),
    ]
    return "\n".join([*lines, f"| together | {sum(steps.values()):.1f} |", ""])


if __name__ == "__main__":
    sys.exit(main())
