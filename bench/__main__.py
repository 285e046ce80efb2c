"""`python -m bench`, from the root of the repository: the whole comparison, by one command.

Exit code 0 also when a target is missed; 1 when a load was invalid or the benchmark could not run.
"""

import argparse
import contextlib
import json
import signal
import sys
from typing import Any

import bench
from keyledger.cli.embedded import EmbeddedError, running_servers

from .contestants import PEERS, check_work, running_peer
from .load import BenchError, check_wrk
from .machine import look_at
from .ours import create_users, running_ours
from .report import Result, figures_of, invalid_loads, print_result
from .rounds import Shape, measure
from .scratch import scratch_folder


def main() -> int:
    """Run it; returns the exit code."""
    options = _options()
    # So that whatever was started is also stopped when we are asked to end.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        result = _measured(options)
    except (BenchError, EmbeddedError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps(result.as_json(), indent=1))
    else:
        print_result(result)
    return 1 if result.invalid else 0


def _measured(options: argparse.Namespace) -> Result:
    check_wrk()
    shape = Shape(options.seconds, options.connections, options.users)
    with contextlib.ExitStack() as stack:
        peer_folder = stack.enter_context(scratch_folder("peer"))
        our_folder = stack.enter_context(scratch_folder("ours"))
        servers = stack.enter_context(running_servers(peer_folder))
        machine = look_at(peer_folder, servers.database_url)
        ours = stack.enter_context(running_ours(our_folder))
        create_users(ours, shape.users)
        peer = stack.enter_context(running_peer(PEERS[0], servers, peer_folder, shape.users))
        rounds = measure(ours, peer, shape, rounds=options.rounds, say=_say)
        invalid = invalid_loads(rounds)
        for target in (ours, peer):
            answers = sum(
                load.answers - load.wrong
                for turn in rounds
                for name, load in turn.loads.items()
                if name.startswith("ours" if target is ours else "peer")
            )
            if not check_work(target, answers).is_right:
                invalid.append(f"{target.name}: its tables do not hold what it has answered")
    return Result(machine, figures_of(rounds), invalid)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=bench.__doc__)
    parser.add_argument("--seconds", type=_at_least_1, default=15, help="of each measurement")
    parser.add_argument("--rounds", type=_at_least_1, default=3, help="of both sides in turn")
    parser.add_argument("--users", type=_at_least_1, default=1_000)
    parser.add_argument("--connections", type=_at_least_1, default=64)
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    return parser.parse_args()


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
