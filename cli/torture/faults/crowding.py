"""F13 to F15: a user with a million waiting commands, a million users, a thousand identical requests."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from keyledger.contract.envelope import Envelope

from ..asking import Answered, Asking
from ..bulk import PREFIX, accept_all, add, create
from ..fault import Fault, Marker, Settings, noted
from ..gathering import left_in_redis, waiting_commands
from ..latencies import answer_times_s, p99_s
from ..load import Wanted
from ..shape import ORGANISATION, Shape
from ..trial import LOAD_TIMEOUT_S, Trial, now_ms

SPREAD_OVER: Final = 1_000
OTHERS_MAX: Final = 1.5
RATE_MIN: Final = 0.8
MEMORY_MAX: Final = 1.1
MARKERS_END_S: Final = 62.0
IDENTICAL: Final = 1_000
HARNESS: Final = 1_000_000
P99: Final = "p99 of other users' answers, times that of the same load spread evenly"
RATE: Final = "rate of the hot user, times that of the same load spread evenly"
MEMORY: Final = "memory of Redis a minute later, times that before"
DRAINED_PER_S: Final = "commands drained a second"


def _one_hot_user(trial: Trial) -> None:
    """The same load twice: spread over many users, then all of one."""
    count = trial.shape.bulk
    trial.wait_until_loaded(0.05)
    spread = [f"{PREFIX}{number}" for number in range(min(SPREAD_OVER, count))]
    _drain(trial, (create(user) for user in (*spread, f"{PREFIX}hot")))
    trial.struck()
    even_p99, even_rate = _drain(trial, (add(spread[number % len(spread)]) for number in range(count)))
    hot_p99, hot_rate = _drain(trial, (add(f"{PREFIX}hot") for _ in range(count)))
    trial.recovers_from_here()
    trial.facts[P99] = hot_p99 / even_p99 if even_p99 else 0.0
    trial.facts[RATE] = hot_rate / even_rate
    trial.facts[DRAINED_PER_S] = hot_rate
    trial.facts["waiting commands of one user"] = float(count)
    if trial.facts[P99] > OTHERS_MAX:
        trial.missed.append(f"{P99}: {trial.facts[P99]:.2f}")
    if trial.facts[RATE] < RATE_MIN:
        trial.missed.append(f"{RATE}: {trial.facts[RATE]:.2f}")


def _drain(trial: Trial, envelopes: Iterable[Envelope]) -> tuple[float, float]:
    """Accept them all and wait until they are done: p99 of the others meanwhile in seconds, and the rate."""
    began_ms = now_ms()
    count = accept_all(trial.system.servers.redis_url, envelopes)
    trial.system.wait_until(
        lambda: waiting_commands(trial.system.redis) < trial.shape.clients * 2, LOAD_TIMEOUT_S, "the backlog"
    )
    ended_ms = now_ms()
    times_s = answer_times_s(trial.load.history.entries, began_ms, ended_ms, "")
    return p99_s(times_s), count / ((ended_ms - began_ms) / 1000)


def _many_users(trial: Trial) -> None:
    """Each with one command; a minute later nothing of them is in Redis."""
    count = trial.shape.bulk
    client = trial.system.redis
    trial.wait_until_loaded(1.0)
    trial.load.finish(LOAD_TIMEOUT_S)
    before = int(client.info("memory")["used_memory"])
    trial.struck()
    began_s = time.monotonic()
    accept_all(trial.system.servers.redis_url, (create(f"{PREFIX}{number}") for number in range(count)))
    trial.system.wait_until(lambda: waiting_commands(client) == 0, LOAD_TIMEOUT_S, "the backlog")
    trial.facts[DRAINED_PER_S] = count / (time.monotonic() - began_s)
    trial.recovers_from_here()
    trial.pause(MARKERS_END_S)
    trial.facts["users with one command"] = float(count)
    trial.facts[MEMORY] = int(client.info("memory")["used_memory"]) / before
    left = left_in_redis(client)
    if left:
        trial.problems.append(f"{len(left)} keys were left, such as {left[0].decode()}")
    if trial.facts[MEMORY] > MEMORY_MAX:
        trial.missed.append(f"{MEMORY}: {trial.facts[MEMORY]:.2f}")


def _few_events_in_stream(_: object, shape: Shape) -> Settings:
    """The stream is kept, and would count as memory."""
    return shape.of_workers(event_stream_length=100)


def _identical(trial: Trial) -> None:
    """The same request from everywhere at once."""
    user = trial.shape.user_ids[-1]
    wanted = Wanted("AddPhysicalKey", user, {"orgId": ORGANISATION}, "identical")
    trial.wait_until_loaded(0.2)
    trial.struck()

    async def all_at_once() -> list[Answered]:
        asking = Asking(trial.system.places, trial.system.api_key)
        try:
            return await asyncio.gather(*(one(asking, HARNESS + number) for number in range(IDENTICAL)))
        finally:
            asking.close()

    async def one(asking: Asking, process: int) -> Answered:
        trial.load.note(process, wanted)
        answered = await asking.ask(process, user, wanted.command, wanted.body, wanted.key)
        trial.load.note(process, wanted, answered)
        return answered

    answers = asyncio.run(all_at_once())
    trial.recovers_from_here()
    trial.facts["equal answers"] = float(sum(answer.kind == "ok" for answer in answers))
    if len({(answer.code, answer.command_id, answer.number) for answer in answers}) != 1:
        trial.problems.append("the answers to identical requests differ")


CROWDING: Final = (
    Fault("F13-hot-user", "one user has a million waiting commands", _one_hot_user,
          (noted("waiting commands of one user"),),
          shaped=lambda shape: replace(
              shape, hot_share=0.0, has_receiver=False, has_proxies=False, clients=16), runs_max=1),
    Fault("F14-many-users", "a million users have one command each", _many_users,
          (noted("users with one command"),), settings=_few_events_in_stream,
          shaped=lambda shape: replace(shape, has_receiver=False, has_proxies=False), runs_max=1),
    Fault("F15-identical", "a thousand identical requests come at once", _identical,
          (Marker("all were answered", lambda trial: trial.facts.get("equal answers") == IDENTICAL),)),
)  # fmt: skip
