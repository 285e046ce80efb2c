"""`./run bench deliveries`: how fast webhooks come, what a hanging receiver costs the others, and what all
of it costs the commands.

`keyledger up` with its default settings, ten organisations with one endpoint each, receivers on loopback.
Everything that is compared is measured in turn in one run.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from keyledger.cli.api_keys import new_key
from keyledger.cli.configured import settings_from
from keyledger.cli.embedded import EmbeddedError
from keyledger.ledger.accounts import add_organisation
from keyledger.ledger.connections import connect

from .load import BenchError, Target, check_wrk, run_load, user_id
from .ours import create_users, running_ours
from .pacing import request, send_steadily
from .receiving import HANGS, Arrival, Receivers, receiving
from .report import Figure
from .scratch import scratch_folder

ENDPOINTS: Final = 10
USERS: Final = 1_000
CONNECTIONS: Final = 64
QUIET_S: Final = 60
"""At most so long until everything has come."""


@dataclass(frozen=True, slots=True)
class Sender:
    """An organisation with an endpoint."""

    name: str
    http: httpx.AsyncClient
    webhook_id: str
    requests: list[bytes]


def main() -> int:
    """Run it; returns the exit code."""
    options = _options()
    try:
        figures = _measured(options)
    except (BenchError, EmbeddedError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps([{"name": f.name, "unit": f.unit, "values": f.values} for f in figures], indent=1))
    else:
        _print(figures)
    return 0


def _measured(options: argparse.Namespace) -> list[Figure]:
    check_wrk()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch_folder("deliveries"))
        _say("keyledger up")
        target = stack.enter_context(running_ours(folder))
        create_users(target, USERS)
        settings = settings_from(folder / "service.env")
        keys = {}
        with connect(settings.database_url, application="bench") as connection:
            for number in range(ENDPOINTS):
                name = f"bench-{number}"
                add_organisation(connection, name, name, None)
                keys[name] = new_key(connection, settings, name, "bench", None).text
        return asyncio.run(_measure(options, target, keys))


async def _measure(options: argparse.Namespace, target: Target, keys: dict[str, str]) -> list[Figure]:
    figures: list[Figure] = []
    async with receiving() as receivers, _senders(target, keys, receivers) as senders:
        bench = _Bench(target, receivers, senders, options.seconds)
        for measure in (bench.steady, bench.capacity, bench.hanging):
            figures += await measure(options)
    async with receiving() as receivers:
        figures += await _cost(options, target, receivers)
    return figures


@dataclass
class _Bench:
    target: Target
    receivers: Receivers
    senders: list[Sender]
    seconds: int

    async def steady(self, options: argparse.Namespace) -> list[Figure]:
        """Event → received, at a steady rate of commands."""
        _say(f"steady, {options.rate} commands/s")
        rates, p50, p99 = [], [], []
        for _ in range(options.rounds):
            arrivals, rate = await self._send(self.senders, options.rate)
            rates.append(rate)
            p50.append(_quantile(arrivals, 50))
            p99.append(_quantile(arrivals, 99))
            _say(f"  {rate:,.0f}/s: p50 {p50[-1]:.0f} ms, p99 {p99[-1]:.0f} ms")
        return [
            _judged("steady: commands accepted", "/s", rates),
            _judged("steady: event → received, p50", "ms", p50, 100),
            _judged("steady: event → received, p99", "ms", p99, 500),
        ]

    async def capacity(self, options: argparse.Namespace) -> list[Figure]:
        """Deliveries a second out of a backlog, with receivers that take their time."""
        figures = []
        for delay_ms in (5, 200):
            _say(f"backlog of {options.backlog} deliveries, answers after {delay_ms} ms")
            self._answer_after(delay_ms / 1000)
            values = []
            for _ in range(options.rounds):
                for sender in self.senders:
                    await _change(sender, {"status": "paused"})
                self.receivers.arrivals.clear()
                rate = min(options.rate, options.backlog)
                paced = await send_steadily(
                    self.target.url,
                    [r for sender in self.senders for r in sender.requests],
                    rate_per_s=rate,
                    seconds=options.backlog / rate,
                )
                for sender in self.senders:
                    await _change(sender, {"status": "active"})
                began_s = time.time()
                await self._all_came(paced.accepted)
                values.append(paced.accepted / (self.receivers.arrivals[-1].at_s - began_s))
                _say(f"  {values[-1]:,.0f} deliveries/s")
            figures.append(_judged(f"backlog: deliveries at {delay_ms} ms answers", "/s", values))
        self._answer_after(0)
        return figures

    async def hanging(self, options: argparse.Namespace) -> list[Figure]:
        """What one endpoint that never answers does to the others."""
        _say("one endpoint hangs")
        hanging = self.senders[0]
        ratios = []
        for _ in range(options.rounds):
            well, _ = await self._send(self.senders, options.hanging_rate)
            self.receivers.delays_s[hanging.name] = HANGS
            ill, _ = await self._send(self.senders, options.hanging_rate, without=hanging.name)
            self._answer_after(0)
            await _change(hanging, {"status": "active"})
            before = _quantile([a for a in well if a.name != hanging.name], 99)
            ratios.append(_quantile(ill, 99) / before)
            _say(f"  others' p99 {before:.0f} ms → × {ratios[-1]:.2f}")
            await self._quiet()
        return [_judged("others' p99 with one that hangs", "×", ratios, 1.5)]

    async def _send(
        self, senders: list[Sender], rate: float, without: str = ""
    ) -> tuple[list[Arrival], float]:
        """Commands at a rate to all, until all events have come; but to the one that is left out."""
        self.receivers.arrivals.clear()
        requests = [r for sender in senders for r in sender.requests]
        paced = await send_steadily(self.target.url, requests, rate_per_s=rate, seconds=self.seconds)
        if paced.accepted < paced.sent:
            raise BenchError(f"{paced.sent - paced.accepted} of {paced.sent} commands were not accepted")
        if without:
            await self._quiet()
        else:
            await self._all_came(paced.accepted)
        return [a for a in self.receivers.arrivals if a.name != without], paced.rate_per_s

    def _answer_after(self, delay_s: float) -> None:
        self.receivers.delays_s = {sender.name: delay_s for sender in self.senders}

    async def _all_came(self, count: int) -> None:
        await _until(lambda: len(self.receivers.arrivals) >= count, f"{count} deliveries")

    async def _quiet(self) -> None:
        """Until nothing has come for two seconds."""
        began_s = time.time()

        def is_quiet() -> bool:
            newest_s = self.receivers.arrivals[-1].at_s if self.receivers.arrivals else 0
            return time.time() - max(newest_s, began_s) > 2

        await _until(is_quiet, "quiet")


async def _cost(options: argparse.Namespace, target: Target, receivers: Receivers) -> list[Figure]:
    """The throughput of commands with an endpoint that gets every event, and without."""
    _say("commands with deliveries and without")
    ratios = []
    body = {"url": receivers.url("cost"), "events": ["*"]}
    async with httpx.AsyncClient(
        base_url=target.url, headers={"X-API-Key": target.api_key}, trust_env=False, timeout=30
    ) as http:
        await asyncio.to_thread(run_load, target, seconds=5, connections=CONNECTIONS, users=USERS)
        for _ in range(options.rounds):
            without = await asyncio.to_thread(
                run_load, target, seconds=options.seconds, connections=CONNECTIONS, users=USERS
            )
            made = (await http.post("/webhooks", json=body)).raise_for_status().json()
            receivers.arrivals.clear()
            began_s = time.time()
            with_it = await asyncio.to_thread(
                run_load, target, seconds=options.seconds, connections=CONNECTIONS, users=USERS
            )
            came = len(receivers.arrivals) / (time.time() - began_s)
            (await http.delete(f"/webhooks/{made['id']}")).raise_for_status()
            await asyncio.sleep(2)
            ratios.append(with_it.rate_per_s / without.rate_per_s)
            _say(
                f"  {without.rate_per_s:,.0f}/s → {with_it.rate_per_s:,.0f}/s with {came:,.0f} deliveries/s:"
                f" × {ratios[-1]:.2f}"
            )
    return [
        Figure(
            "commands/s with deliveries / without", "×", ratios, "≥ 0.75", statistics.median(ratios) >= 0.75
        )
    ]


@contextlib.asynccontextmanager
async def _senders(target: Target, keys: dict[str, str], receivers: Receivers) -> AsyncIterator[list[Sender]]:
    """Each organisation with its endpoint, which is deleted at the end."""
    senders = []
    async with contextlib.AsyncExitStack() as stack:
        for name, key in keys.items():
            http = await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=target.url, headers={"X-API-Key": key}, trust_env=False, timeout=30
                )
            )
            asked = {"url": receivers.url(name), "events": ["*"]}
            made = (await http.post("/webhooks", json=asked)).raise_for_status().json()
            body = json.dumps({"orgId": name, "note": "bench"}, separators=(",", ":"))
            requests = [
                request(f"/users/{user_id(number)}/AddPhysicalKey", key, body)
                for number in range(1, USERS + 1)
            ]
            senders.append(Sender(name, http, made["id"], requests))
        yield senders
        for sender in senders:
            (await sender.http.delete(f"/webhooks/{sender.webhook_id}")).raise_for_status()


async def _change(sender: Sender, changes: dict[str, Any]) -> None:
    (await sender.http.patch(f"/webhooks/{sender.webhook_id}", json=changes)).raise_for_status()


async def _until(is_so: Callable[[], bool], what: str) -> None:
    ends_s = time.monotonic() + QUIET_S
    while not is_so():
        if time.monotonic() > ends_s:
            raise BenchError(f"waited {QUIET_S} s in vain for {what}")
        await asyncio.sleep(0.02)


def _quantile(arrivals: list[Arrival], percent: int) -> float:
    return statistics.quantiles([arrival.took_ms for arrival in arrivals], n=100)[percent - 1]


def _judged(name: str, unit: str, values: list[float], at_most: float | None = None) -> Figure:
    if at_most is None:
        return Figure(name, unit, values)
    return Figure(name, unit, values, f"≤ {at_most:g}", statistics.median(values) <= at_most)


def _print(figures: list[Figure]) -> None:
    table = Table("figure", "rounds", "median", "target", "")
    for figure in figures:
        verdict = {None: "", True: "[green]met[/green]", False: "[red]MISS[/red]"}[figure.is_met]
        rounds = ", ".join(f"{value:,.2f}" for value in figure.values)
        table.add_row(figure.name, rounds, f"{figure.median:,.2f} {figure.unit}", figure.target, verdict)
    Console().print(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench deliveries", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=1_000, help="commands a second, steady")
    parser.add_argument("--hanging-rate", type=int, default=200, help="the same, while one endpoint hangs")
    parser.add_argument("--backlog", type=int, default=5_000, help="deliveries")
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    return parser.parse_args()


def _say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
