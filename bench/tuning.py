"""`python -m bench.tuning NAME…`: try a peer's settings on this machine, for those who want to check ours.

A few seconds each over HTTP, on many users and on one; nothing is chosen or kept. A good setting on two
cores, and the figures behind it, are in `peers/README.md`.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from keyledger.cli.embedded import EmbeddedServers, running_servers

from .contestants import PEERS, Peer, running_peer
from .load import BenchError, check_wrk, run_load
from .peer_settings import SIZINGS
from .scratch import scratch_folder

WARM_UP_S: Final = 2
CONNECTIONS: Final = 64
USERS: Final = 1_000


def try_settings(peer: Peer, servers: EmbeddedServers, folder: Path, seconds: int) -> None:
    """Print a line for each."""
    for setting in SIZINGS[peer.name].candidates(os.cpu_count() or 1):
        try:
            with running_peer(peer, servers, folder, USERS, setting) as target:
                run_load(target, seconds=WARM_UP_S, connections=CONNECTIONS, users=USERS)
                uniform, hot = (
                    run_load(target, seconds=seconds, connections=CONNECTIONS, users=users)
                    for users in (USERS, 1)
                )
        except BenchError as error:
            print(f"{peer.name} {setting}: {error}")
            continue
        shown = [f"{load.rate_per_s:,.0f}/s" if load.is_valid else "invalid" for load in (uniform, hot)]
        print(f"{peer.name} {setting}: {shown[0]}, one user {shown[1]}", flush=True)


def main() -> int:
    """Run it; returns the exit code."""
    by_name = {peer.name: peer for peer in PEERS if peer.has_http}
    parser = argparse.ArgumentParser(prog="bench.tuning", description="Try a peer's settings.")
    parser.add_argument("names", nargs="+", choices=by_name, metavar="NAME", help=", ".join(by_name))
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    options = parser.parse_args()
    check_wrk()
    with scratch_folder("tuning") as folder, running_servers(folder) as servers:
        for name in options.names:
            try_settings(by_name[name], servers, folder, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
