"""The contest: ours, the peers and the limits, each in a turn of its own on servers of its own.

A turn starts new servers of the same binaries with the same settings, so that every side finds them in the
same state, and ends them, so that nothing runs while another is measured. A repeat is a turn of each; every
other one goes backwards.
"""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from keyledger.cli.embedded import EmbeddedServers, running_servers

from .cells import HTTP_ONLY, OURS, POSTGRESQL, REDIS, Cell, Record, Turn
from .contestants import PEERS, Checked, Peer, run_engine, running_peer
from .durability import Fsync, set_fsync
from .evidence import check_whole
from .limits import enqueue_rate, pgbench, running_http_only
from .load import Target
from .measuring import OVERHEAD_S, SHAPES, START_WARM_UP_S, USERS, measure_cells
from .ours import create_users, running_ours, service_env
from .scratch import scratch_folder

START_S: Final = 9.0
"""Of a turn, besides its cells: servers, processes, users."""
ENGINE_START_S: Final = 6.0
"""Of a run of an engine: its workers, and their warm-up."""
FIRST_COMMANDS: Final = 300
"""That tell how many commands fill a cell of an engine."""
COMMANDS_MAX: Final = 100_000
ENGINE_LOADS: Final = {"engine, uniform": (USERS, 1.0), "engine, hot": (1, 0.25)}
"""How many users, and how much of a cell's commands: one user's may take far longer."""
QUICK: Final = ["uniform 1", "uniform 64", "hot 64"]
_LOADS: Final[dict[Fsync, dict[str, list[str]]]] = {
    "always": {
        OURS: list(SHAPES),
        "first": [name for name in SHAPES if name != "hot 256"],
        "other": ["uniform 1", "uniform 64", "hot 1", "hot 64"],
    },
    "everysec": {
        OURS: QUICK,
        "first": QUICK,
        "other": ["uniform 64"],
    },
}
_PGBENCH: Final = {"transactions of 1": (1, 16), "transactions of 64": (64, 4)}
_ENQUEUE: Final = "accepts alone"


def contest_turns(fsync: Fsync, repeats: int, seconds: int) -> list[Turn]:
    """Everybody under one way of forcing to the disk; the limits where each command is forced."""
    loads = _LOADS[fsync]
    turns = []
    for repeat in range(1, repeats + 1):
        of_repeat = [_http_turn(fsync, OURS, loads[OURS], repeat, seconds)]
        for number, peer in enumerate(PEERS):
            if peer.has_http:
                wanted = loads["other" if number else "first"]
                of_repeat.append(_http_turn(fsync, peer.name, wanted, repeat, seconds))
            if peer.has_engine and fsync == "always":
                of_repeat.append(_engine_turn(fsync, peer, repeat, seconds))
        if fsync == "always":
            of_repeat.append(_http_turn(fsync, HTTP_ONLY, ["uniform 64"], repeat, seconds))
            of_repeat.append(_limits_turn(fsync, repeat, seconds))
        turns += of_repeat if repeat % 2 else of_repeat[::-1]
    return turns


def quick_turns(repeats: int, seconds: int) -> list[Turn]:
    """Ours and the first peer."""
    turns = []
    for repeat in range(1, repeats + 1):
        of_repeat = [_http_turn("always", name, QUICK, repeat, seconds) for name in (OURS, PEERS[0].name)]
        turns += of_repeat if repeat % 2 else of_repeat[::-1]
    return turns


@contextlib.contextmanager
def running(contestant: str, fsync: Fsync) -> Iterator[Target]:
    """Whoever answers HTTP, with servers and users of its own."""
    with scratch_folder(contestant) as folder:
        if contestant == HTTP_ONLY:
            with running_http_only(folder) as target:
                yield target
        elif contestant == OURS:
            with running_ours(folder) as target:
                set_fsync(service_env(folder)["KEYLEDGER_REDIS_URL"], fsync)
                create_users(target, USERS)
                yield target
        else:
            peer = next(peer for peer in PEERS if peer.name == contestant)
            with _servers(folder, fsync) as servers, running_peer(peer, servers, folder, USERS) as target:
                yield target


@contextlib.contextmanager
def _servers(folder: Path, fsync: Fsync) -> Iterator[EmbeddedServers]:
    with running_servers(folder) as servers:
        set_fsync(servers.redis_url, fsync)
        yield servers


def _cells(group: str, contestant: str, loads: list[str], repeat: int) -> tuple[Cell, ...]:
    return tuple(Cell(group, contestant, load, repeat) for load in loads)


def _http_turn(fsync: Fsync, contestant: str, loads: list[str], repeat: int, seconds: int) -> Turn:
    def measure(cells: list[Cell]) -> Iterator[Record]:
        with running(contestant, fsync) as target:
            # Without a queue there is no work to look for.
            check = _no_work if contestant == HTTP_ONLY else check_whole(target)
            yield from measure_cells(target, cells, lambda cell: SHAPES[cell.load], check, seconds)

    return Turn(
        _cells(fsync, contestant, loads, repeat), START_S + START_WARM_UP_S, seconds + OVERHEAD_S, measure
    )


def _no_work(_: int) -> Checked:
    return Checked(is_right=True, inversions=0)


def _engine_turn(fsync: Fsync, peer: Peer, repeat: int, seconds: int) -> Turn:
    def measure(cells: list[Cell]) -> Iterator[Record]:
        with scratch_folder(peer.name) as folder, _servers(folder, fsync) as servers:
            run = partial(run_engine, peer, servers, folder)
            first = run(users=USERS, commands=FIRST_COMMANDS)
            fill = first.commands / first.seconds * seconds
            for cell in cells:
                users, share = ENGINE_LOADS[cell.load]
                done = run(users=users, commands=round(min(max(fill * share, FIRST_COMMANDS), COMMANDS_MAX)))
                values = {"rate_per_s": done.commands / done.seconds, "inversions": float(done.inversions)}
                yield Record(cell, values)

    start_s = START_S + ENGINE_START_S
    return Turn(
        _cells(fsync, peer.name, list(ENGINE_LOADS), repeat), start_s, seconds + ENGINE_START_S, measure
    )


def _limits_turn(fsync: Fsync, repeat: int, seconds: int) -> Turn:
    def measure(cells: list[Cell]) -> Iterator[Record]:
        with scratch_folder("limits") as folder, _servers(folder, fsync) as servers:
            for cell in cells:
                yield Record(cell, {"rate_per_s": _limit(cell, servers, folder, seconds)})

    cells = _cells(fsync, POSTGRESQL, list(_PGBENCH), repeat) + _cells(fsync, REDIS, [_ENQUEUE], repeat)
    return Turn(cells, START_S, seconds + 1, measure)


def _limit(cell: Cell, servers: EmbeddedServers, folder: Path, seconds: int) -> float:
    if cell.load == _ENQUEUE:
        return enqueue_rate(servers, seconds=seconds, clients=64)
    batch, clients = _PGBENCH[cell.load]
    return pgbench(servers, folder, batch=batch, seconds=seconds, clients=clients)
