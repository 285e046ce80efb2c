"""`keyledger top`: what happens now: rates, backlog, oldest command, hot lanes, drains, lags."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from keyledger.contract.times import age_text
from keyledger.lanes.oversight import Lane, Overview
from keyledger.ledger.observing import Observed, observe

from .acting import Servers, connected
from .configured import DEFAULT_DATA, DataOption, JsonOption, read_settings
from .tables import plain_console

HOT_LANES: Final = 10
STATES: Final = ("ready", "held", "delayed", "parked")


@dataclass(frozen=True, slots=True)
class Moment:
    """What was seen, and what has changed since the time before. Rates are commands a second."""

    accepted_per_s: float
    done_per_s: float
    shards: list[Overview]
    ledger: Observed

    def total(self, name: str) -> int:
        """A count of all shards together."""
        return sum(getattr(shard, name) for shard in self.shards)

    @property
    def oldest_age_ms(self) -> int:
        return max(shard.oldest_age_ms for shard in self.shards)

    @property
    def hot_lanes(self) -> list[Lane]:
        """The deepest of those looked at."""
        lanes = [lane for shard in self.shards for lane in shard.lanes]
        return sorted(lanes, key=lambda lane: -lane.depth)[:HOT_LANES]


def top(
    interval_s: Annotated[
        float, typer.Option("--interval", min=0.2, max=60, help="Seconds between looks.")
    ] = 1.0,
    looks: Annotated[int, typer.Option("--count", min=0, help="End after so many; 0: until Ctrl-C.")] = 0,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Watch what happens now. With --json, one line a look.

    Example: keyledger top --interval 2
    """
    with connected(read_settings(data)) as servers:
        moments = _moments(servers, interval_s, looks)
        try:
            if is_json:
                for moment in moments:
                    typer.echo(json.dumps(_facts(moment), ensure_ascii=False))
            else:
                with Live(console=plain_console(), screen=False, auto_refresh=False) as live:
                    for moment in moments:
                        live.update(_drawn(moment), refresh=True)
        except KeyboardInterrupt:
            return


def _moments(servers: Servers, interval_s: float, looks: int) -> Iterator[Moment]:
    before, before_s = [shard.overview(0) for shard in servers.shards], time.monotonic()
    done = 0
    while looks == 0 or done < looks:
        time.sleep(interval_s)
        shards, now_s = [shard.overview() for shard in servers.shards], time.monotonic()
        accepted = _accepts(shards) - _accepts(before)
        fewer = _waiting(before) - _waiting(shards)
        took_s = now_s - before_s
        yield Moment(accepted / took_s, (accepted + fewer) / took_s, shards, observe(servers.ledger))
        before, before_s, done = shards, now_s, done + 1


def _accepts(shards: list[Overview]) -> int:
    return sum(shard.accepts for shard in shards)


def _waiting(shards: list[Overview]) -> int:
    return sum(shard.waiting_commands for shard in shards)


def _facts(moment: Moment) -> dict[str, Any]:
    counts = {f"lanes_{state}": moment.total(state) for state in STATES}
    return {
        "accepted_per_s": round(moment.accepted_per_s, 1),
        "done_per_s": round(moment.done_per_s, 1),
        "waiting_commands": moment.total("waiting_commands"),
        "oldest_age_ms": moment.oldest_age_ms,
        "awake_drains": moment.total("awake_drains"),
        **counts,
        "dead_letters": moment.ledger.dead_letters,
        "lags": {lag.name: {"events": lag.behind, "age_ms": lag.age_ms} for lag in moment.ledger.lags},
        "hot_lanes": [
            {"lane": lane.lane, "depth": lane.depth, "state": lane.state} for lane in moment.hot_lanes
        ],
    }


def _drawn(moment: Moment) -> RenderableType:
    figures = Table.grid(Column(justify="right"), Column(), padding=(0, 1))
    for value, name in (
        (f"{moment.accepted_per_s:.0f}/s", "accepted"),
        (f"{moment.done_per_s:.0f}/s", "done"),
        (f"{moment.total('waiting_commands')}", "commands wait"),
        (age_text(moment.oldest_age_ms), "the oldest for"),
        (f"{moment.total('awake_drains')}", "drains awake"),
        *((f"{moment.total(state)}", f"lanes {state}") for state in STATES),
        (f"{moment.ledger.dead_letters}", "dead letters"),
        *((f"{lag.behind}", f"events behind: {lag.name}") for lag in moment.ledger.lags),
    ):
        figures.add_row(Text(value, "bold"), name)
    lanes = Table(
        "lane", "state", Column("waiting", justify="right"), title="deepest lanes", title_justify="left"
    )
    for lane in moment.hot_lanes:
        lanes.add_row(lane.lane, lane.state, str(lane.depth))
    return Group(Columns([figures, lanes], padding=(0, 4)))
