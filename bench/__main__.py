"""`python -m bench`, from the root of the repository: the whole matrix, by one command.

Exit code 0 also when a target is missed; 1 when a cell was invalid or the benchmark could not run.
"""

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

import bench
from keyledger.cli.embedded import EmbeddedError, running_servers

from .load import BenchError, check_wrk
from .machine import Machine, look_at
from .matrix import GROUPS, brief_turns, chosen, contestants_of, full_turns
from .pages import write_pages
from .report import report
from .results import Results
from .running import measure_all
from .scratch import scratch_folder

REPEATS = 3
QUICK_REPEATS = 2


def main() -> int:
    """Run it; returns the exit code."""
    options = _options()
    # So that whatever was started is also stopped when we are asked to end.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _measured(options)
    except (BenchError, EmbeddedError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130


def _measured(options: argparse.Namespace) -> int:
    check_wrk()
    repeats = options.repeats or (QUICK_REPEATS if options.quick else REPEATS)
    turns = brief_turns(repeats) if options.quick else full_turns(repeats, _say)
    unknown = set(options.only) - GROUPS.keys() - contestants_of(turns)
    if unknown:
        known = ", ".join([*GROUPS, *sorted(contestants_of(turns))])
        raise BenchError(f"There is no {', '.join(sorted(unknown))}; there are {known}")
    machine = _machine()
    results = Results(options.results / ("quick.jsonl" if options.quick else "full.jsonl"), machine.stamp)
    if options.again:
        results.forget()
    turns = chosen(turns, options.only)
    measure_all(turns, results, _say)
    wanted = {cell for turn in turns for cell in turn.cells}
    # Of the whole matrix all that is known is told, also what an earlier run of a part has measured.
    text = report(machine, results.records, is_quick=options.quick)
    (options.results / "report.md").write_text(text)
    print(text)
    if options.write:
        write_pages(machine, results.records)
    return 0 if wanted <= results.measured else 1


def _machine() -> Machine:
    with scratch_folder("machine") as folder, running_servers(folder) as servers:
        return look_at(folder, servers.database_url)


def _options() -> argparse.Namespace:
    groups = "; ".join(f"{name}: {what}" for name, what in GROUPS.items())
    parser = argparse.ArgumentParser(prog="bench", description=bench.__doc__)
    parser.add_argument("--quick", action="store_true", help="ours and the first peer, three minutes")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help=f"these groups or contestants ({groups})"
    )
    parser.add_argument("--repeats", type=_at_least_1, help="of every cell; 3, with --quick 2")
    parser.add_argument(
        "--results",
        type=Path,
        default=Path(__file__).with_name("results"),
        metavar="DIR",
        help="where measured cells are kept; what is there is not measured again",
    )
    parser.add_argument("--again", action="store_true", help="forget what was measured before")
    parser.add_argument(
        "--write", action="store_true", help="write the figures into docs/performance.md and README.md, too"
    )
    options = parser.parse_args()
    if options.quick and options.write:
        parser.error("--write is for the figures of the whole matrix")
    return options


def _at_least_1(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _interrupt(_: int, __: Any) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
