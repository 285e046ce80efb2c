"""The drain that tests/integration/lanes explores is the real one: what it calls, the model can call.

The real drain runs on real servers with its calls of scripts noted; then the model is led by the noted
replies and must be able to make the same calls, in the same order and with the same lanes and ids given back.
It shows that nothing the real drain does here lies outside the model, not that the model does no more.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg

from keyledger.lanes.holding import Claimed, Finished, Shard
from keyledger.worker.process import Worker
from tests.envelopes import add, create
from tests.integration.lanes.configurations import Call, Configuration, GivenBack, Head
from tests.integration.lanes.contents import Content, Stored
from tests.integration.lanes.drain_model import ASLEEP, drain_moves
from tests.integration.lanes.script_runs import Ran, ScriptRuns, taken
from tests.integration.worker.conftest import NewWorker, accept
from tests.lane_sides import LIMITS, LaneSides
from tests.waiting import wait_until

FAR_FENCE = 10**9
Reply = TypeVar("Reply")


class NotedShard(Shard):
    """Notes what is called and answered; `meanwhile` happens after a claim that got something."""

    def __init__(self, worker: Worker) -> None:
        lease_ms, drains_max = worker.settings.lease_ms, worker.settings.drains_max
        super().__init__(worker.redis, 0, lease_ms=lease_ms, drains_max=drains_max, limits=LIMITS)
        self.noted: list[tuple[Call, Any]] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def sign_on(self, drain: str) -> bool:
        return self._note(Call("sign_on", "one"), super().sign_on(drain))

    def sign_off(self, drain: str, *, insist: bool = False) -> int:
        ready = super().sign_off(drain, insist=insist)
        return self._note(Call("leave" if insist else "sign_off", "one"), ready)

    def claim(self, drain: str, token: str) -> Claimed:
        claimed = super().claim(drain, token)
        self._note(Call("claim", "one"), tuple(map(taken, claimed.lanes)))
        if claimed.lanes:
            self.meanwhile()
        return claimed

    def renew(self, token: str) -> set[str]:
        return self._note(Call("renew"), super().renew(token))

    def finish(self, token: str, lanes: Sequence[Finished]) -> list[str]:
        assert [lane.suspect for lane in lanes] == [None] * len(lanes)
        given_back = tuple(
            GivenBack(
                lane.lane, tuple(id_ for id_, _ in lane.answers), lane.delay_ms is not None, lane.uncount
            )
            for lane in lanes
        )
        return self._note(Call("finish", given_back=given_back), super().finish(token, lanes))

    def _note(self, call: Call, reply: Reply) -> Reply:
        self.noted.append((call, reply))
        return reply


class OtherCall(Exception):
    """The model would call something else here."""


class NotedRuns(ScriptRuns):
    """Answers the one call that was noted next, and no other; the content tells how many there were."""

    def __init__(self, number: int, call: Call, reply: Any) -> None:
        self._call_noted, self._reply = call, reply
        self.after = Content({"calls": Stored("string", (number,))})

    def run(self, content: Content, call: Call) -> Ran:
        # Fences are the model's own.
        if call._replace(fence=0) != self._call_noted:
            raise OtherCall
        return Ran(self._reply, self.after)


def followed(noted: list[tuple[Call, Any]], users: list[str], *, fence_meanwhile: int = 0) -> set[str]:
    """The steps that the model may be at after these calls; empty when it cannot make them."""
    at = {
        Configuration(Content({}), (ASLEEP, ASLEEP), tuple((user, Head()) for user in users), faults_left=1)
    }
    for number, (call, reply) in enumerate(noted, 1):
        runs = NotedRuns(number, call, reply)
        at = {found for found in _reached(at, runs) if found.content == runs.after}
        if call.verb == "claim" and reply and fence_meanwhile:
            heads = tuple((user, Head(fence_meanwhile)) for user in users)
            at = {found._replace(heads=heads) for found in at}
    return {found.drains[0].step for found in at}


def _reached(at: set[Configuration], runs: NotedRuns) -> set[Configuration]:
    """These, what comes of them without a script, and what comes of all those by the noted call."""
    known, new = set(at), set(at)
    while new:
        new = {
            after for before in new if before.content != runs.after for after in _next(before, runs)
        } - known
        known |= new
    return known


def _next(before: Configuration, runs: NotedRuns) -> Iterator[Configuration]:
    with suppress(OtherCall):
        for move in drain_moves(runs, before, 0):
            if not move.faults or "ledger is away" in move.label:
                yield move.after._replace(faults_left=1)


def noted_shard(worker: Worker) -> NotedShard:
    shard = NotedShard(worker)
    worker.shards[0] = shard
    return shard


def verbs(shard: NotedShard) -> list[str]:
    return [call.verb for call, _ in shard.noted]


def test_a_drain_with_work_and_without_calls_what_the_model_calls(lanes: LaneSides, worker: Worker) -> None:
    """Two users in one batch, then nothing."""
    shard = noted_shard(worker)
    accept(lanes, create("ada"), add("ada"), create("bob"))
    assert 3 == worker.drain(0)
    assert ["sign_on", "claim", "finish", "claim", "sign_off", "leave"] == verbs(shard)
    assert {"asleep"} == followed(shard.noted, ["ada", "bob"])


def test_a_drain_that_finds_all_slots_taken_calls_what_the_model_calls(
    lanes: LaneSides, worker: Worker
) -> None:
    """It signs on in vain, and that is all."""
    shard = noted_shard(worker)
    assert lanes.shard.sign_on("a") and lanes.shard.sign_on("b")
    worker.drain(0)
    assert ["sign_on"] == verbs(shard)
    assert {"asleep"} == followed(shard.noted, [])


def test_a_drain_whose_fence_is_refused_calls_what_the_model_calls(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """It gives the lane back without an answer, and claims again."""
    accept(lanes, create("ada"))
    worker.drain(0)
    shard = noted_shard(worker)

    def refuse() -> None:
        connection.execute("UPDATE users SET fence = %s", [FAR_FENCE])
        worker.stop()

    shard.meanwhile = refuse
    command = add("ada")
    accept(lanes, command)
    worker.drain(0)
    assert ["sign_on", "claim", "finish", "leave"] == verbs(shard)
    assert Call("finish", given_back=(GivenBack("ada"),)) == shard.noted[2][0]
    assert {"asleep"} == followed(shard.noted, ["ada"], fence_meanwhile=FAR_FENCE)
    assert set() == followed(shard.noted, ["ada"])
    assert [("ada", command.id)] == lanes.drain_everything()


def test_a_drain_whose_ledger_goes_away_calls_what_the_model_calls(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """It gives its lanes back with a delay and leaves."""
    shard = noted_shard(worker)
    shard.meanwhile = lambda: connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyledger-worker'"
        " AND datname = current_database()"
    )
    command = create("ada")
    accept(lanes, command)
    worker.drain(0)
    assert ["sign_on", "claim", "finish", "leave"] == verbs(shard)
    assert Call("finish", given_back=(GivenBack("ada", is_delayed=True),)) == shard.noted[2][0]
    assert {"asleep"} == followed(shard.noted, ["ada"])
    assert [("ada", command.id)] == lanes.drain_everything()


def test_a_drain_that_lost_its_lease_calls_what_the_model_calls(
    lanes: LaneSides, new_worker: NewWorker
) -> None:
    """It asks whether the lanes are still its own before it opens a transaction, and leaves them alone."""
    worker = new_worker(lease_ms=500)
    shard = noted_shard(worker)

    def lose() -> None:
        wait_until(lambda: shard.sweep("sweep", "identity").ended_leases)
        lanes.claim("other:1")
        worker.stop()

    shard.meanwhile = lose
    command = create("ada")
    accept(lanes, command)
    worker.drain(0)
    assert ["sign_on", "claim", "renew", "finish", "leave"] == verbs(shard)
    assert {"asleep"} == followed(shard.noted, ["ada"])
    assert [("ada", command.id)] == lanes.drain_everything()
