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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keyledger.cli.api_keys import new_key
from keyledger.cli.configured import settings_from
from keyledger.cli.embedded import EmbeddedError
from keyledger.ledger.accounts import add_organisation
from keyledger.ledger.connections import connect

from .delivery_figures import Figure, judged, print_figures
from .delivery_senders import Sender, senders_of
from .load import BenchError, Target, check_wrk, run_load
from .ours import create_users, running_ours
from .pacing import send_steadily
from .receiving import HANGS, Arrival, Receivers, receiving
from .scratch import scratch_folder
from .webhook_cost import endpoint

ENDPOINTS: Final = 10
USERS: Final = 1_000
CONNECTIONS: Final = 64
QUIET_S: Final = 60
"""At most so long until everything has come."""


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
        print_figures(figures)
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
    async with receiving() as receivers, senders_of(target, USERS, keys, receivers) as senders:
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
            judged("steady: commands accepted", "/s", rates),
            judged("steady: event → received, p50", "ms", p50, 100),
            judged("steady: event → received, p99", "ms", p99, 500),
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
                    await sender.change({"status": "paused"})
                self.receivers.arrivals.clear()
                rate = min(options.rate, options.backlog)
                paced = await send_steadily(
                    self.target.url,
                    [r for sender in self.senders for r in sender.requests],
                    rate_per_s=rate,
                    seconds=options.backlog / rate,
                )
                for sender in self.senders:
                    await sender.change({"status": "active"})
                began_s = time.time()
                await self._all_came(paced.accepted)
                values.append(paced.accepted / (self.receivers.arrivals[-1].at_s - began_s))
                _say(f"  {values[-1]:,.0f} deliveries/s")
            figures.append(judged(f"backlog: deliveries at {delay_ms} ms answers", "/s", values))
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
            await hanging.change({"status": "active"})
            before = _quantile([a for a in well if a.name != hanging.name], 99)
            ratios.append(_quantile(ill, 99) / before)
            _say(f"  others' p99 {before:.0f} ms → × {ratios[-1]:.2f}")
            await self._quiet()
        return [judged("others' p99 with one that hangs", "×", ratios, 1.5)]

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

    async def rate_per_s(seconds: int) -> float:
        load = await asyncio.to_thread(
            run_load, target, seconds=seconds, connections=CONNECTIONS, users=USERS
        )
        return load.rate_per_s

    ratios = []
    await rate_per_s(5)
    for _ in range(options.rounds):
        without = await rate_per_s(options.seconds)
        async with endpoint(target, receivers):
            with_it = await rate_per_s(options.seconds)
        await asyncio.sleep(2)
        ratios.append(with_it / without)
        _say(f"  {without:,.0f}/s → {with_it:,.0f}/s: × {ratios[-1]:.2f}")
    return [judged("commands/s with deliveries / without", "×", ratios, at_least=0.75)]


async def _until(is_so: Callable[[], bool], what: str) -> None:
    ends_s = time.monotonic() + QUIET_S
    while not is_so():
        if time.monotonic() > ends_s:
            raise BenchError(f"waited {QUIET_S} s in vain for {what}")
        await asyncio.sleep(0.02)


def _quantile(arrivals: list[Arrival], percent: int) -> float:
    return statistics.quantiles([arrival.took_ms for arrival in arrivals], n=100)[percent - 1]


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
