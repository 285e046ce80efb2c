"""The pages: what each shows, read from both servers. They change nothing."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyledger.contract.endpoints import DELIVERY_STATUSES
from keyledger.contract.errors import NotFound
from keyledger.lanes.oversight import find_marker
from keyledger.ledger import delivery_log, operators
from keyledger.ledger.dead_letters import UnknownDeadLetter, find_dead_letter, list_dead_letters
from keyledger.ledger.endpoint_overview import list_all_endpoints
from keyledger.ledger.observing import observe
from keyledger.ledger.story import find_story

from ..routing import parse_id
from ..storytelling import tell_recorded, tell_waiting
from .drawing import draw_curve
from .sampling import Sampler
from .servers import Servers

STATES: Final = ("ready", "held", "delayed", "parked")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which page: the parts of its path, and its query."""

    parts: Mapping[str, str]
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """A template and what it shows."""

    template: str
    facts: dict[str, Any]


View = Callable[[Asked], Awaitable[Page]]


class Views:
    """All pages but the login."""

    def __init__(self, servers: Servers, sampler: Sampler) -> None:
        self._servers = servers
        self._sampler = sampler

    def by_path(self) -> dict[str, View]:
        """Path → page."""
        return {
            "/console": self._overview,
            "/console/lanes": self._lanes,
            "/console/lane": self._lane,
            "/console/dead": self._dead,
            "/console/dead/{id}": self._dead_letter,
            "/console/command": self._command,
            "/console/endpoints": self._endpoints,
            "/console/endpoints/{id}": self._endpoint,
            "/console/deliveries/{id}": self._delivery,
            "/console/trail": self._trail,
        }

    async def _overview(self, _: Asked) -> Page:
        servers = self._servers
        shards = [await servers.lanes(shard.overview) for shard in servers.shards]
        seen = await servers.ledger(observe)
        samples = self._sampler.samples
        curves = [
            draw_curve("Commands a second", "/s", {
                "accepted": [one.accepted_per_s for one in samples],
                "done": [one.done_per_s for one in samples],
            }),
            draw_curve("From accepted to committed", "ms", {
                "p50": [one.p50_ms for one in samples],
                "p99": [one.p99_ms for one in samples],
            }),
            draw_curve("Backlog", "", {"commands wait": [one.waiting for one in samples]}),
        ]  # fmt: skip
        counts = {state: sum(getattr(shard, state) for shard in shards) for state in STATES}
        lanes = sorted((lane for shard in shards for lane in shard.lanes), key=lambda lane: -lane.depth)
        return Page(
            "overview.html",
            {
                "shards": shards, "seen": seen, "curves": curves, "counts": counts, "now": samples[-1],
                "lanes": lanes[:10], "oldest_ms": max(shard.oldest_age_ms for shard in shards),
                "waiting": sum(shard.waiting_commands for shard in shards),
                "drains": sum(shard.awake_drains for shard in shards),
            },
        )  # fmt: skip

    async def _lanes(self, asked: Asked) -> Page:
        state = asked.query.get("state", "")
        shards = [await self._servers.lanes(shard.overview) for shard in self._servers.shards]
        found = [
            (shard.now_ms, lane)
            for shard in shards
            for lane in shard.lanes
            if state not in STATES or lane.state == state
        ]
        found.sort(key=lambda pair: -pair[1].depth)
        return Page("lanes.html", {"lanes": found, "state": state, "states": STATES})

    async def _lane(self, asked: Asked) -> Page:
        user_id = asked.query.get("user", "")
        shard = self._servers.shard_of(user_id)
        lane = await self._servers.lanes(shard.lane, user_id)
        commands = await self._servers.lanes(shard.commands, user_id)
        return Page("lane.html", {"lane": lane, "commands": commands})

    async def _dead(self, asked: Asked) -> Page:
        is_all = asked.query.get("all") == "1"
        before = parse_id(asked.query["before"]) if "before" in asked.query else None
        letters = await self._servers.ledger(list_dead_letters, before=before, is_all=is_all)
        return Page("dead.html", {"letters": letters, "is_all": is_all})

    async def _dead_letter(self, asked: Asked) -> Page:
        try:
            letter = await self._servers.ledger(find_dead_letter, parse_id(asked.parts["id"]))
        except UnknownDeadLetter as error:
            raise NotFound from error
        return Page("dead_letter.html", {"letter": letter, "fields": fields_text(letter.envelope)})

    async def _command(self, asked: Asked) -> Page:
        """A look-up: what is typed may be anything."""
        text = asked.query.get("id", "").strip()
        try:
            id_ = parse_id(text)
        except NotFound:
            return Page("command.html", {"id": text, "lines": [], "is_waiting": False})
        marker = await self._servers.lanes(find_marker, self._servers.shards, id_)
        story = await self._servers.ledger(find_story, id_)
        lines = []
        if story is not None:
            lines = tell_recorded(story)
        elif marker is not None:
            shard = self._servers.shard_of(marker.lane)
            lines = await self._servers.lanes(tell_waiting, shard, id_, marker)
        is_waiting = story is None and marker is not None and not marker.is_marked
        return Page("command.html", {"id": id_, "lines": lines, "is_waiting": is_waiting})

    async def _endpoints(self, _: Asked) -> Page:
        return Page("endpoints.html", {"endpoints": await self._servers.ledger(list_all_endpoints)})

    async def _endpoint(self, asked: Asked) -> Page:
        id_ = parse_id(asked.parts["id"])
        found = await self._servers.ledger(list_all_endpoints, id_)
        if not found:
            raise NotFound
        status = asked.query.get("status")
        values = {
            "id": id_,
            "status": status if status in DELIVERY_STATUSES else None,
            "type": None,
            "user_id": asked.query.get("user") or None,
            "before": parse_id(asked.query["before"]) if "before" in asked.query else None,
        }
        rows = await delivery_log.list_deliveries(self._servers.pool, values)
        facts = {"endpoint": found[0], "deliveries": rows[: delivery_log.PAGE], "asked": values}
        return Page("endpoint.html", facts | {"statuses": DELIVERY_STATUSES, "has_more": len(rows) > 100})

    async def _delivery(self, asked: Asked) -> Page:
        id_ = parse_id(asked.parts["id"])
        found = await delivery_log.find_delivery(self._servers.pool, None, id_)
        if found is None:
            raise NotFound
        for attempt in found[1]:
            attempt["excerpt"] = bytes(attempt["excerpt"]).decode("utf-8", "replace")
        return Page("delivery.html", {"delivery": found[0], "attempts": found[1]})

    async def _trail(self, asked: Asked) -> Page:
        before = asked.query.get("before", "")
        number = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        actions = await self._servers.ledger(operators.list_actions, before=number)
        return Page("trail.html", {"actions": actions, "page": operators.PAGE})


def fields_text(raw: bytes) -> str | None:
    """What a dead letter carries, to be edited; None when it cannot be read."""
    try:
        return json.dumps(json.loads(raw)["fields"], indent=2, ensure_ascii=False)
    except (ValueError, KeyError, TypeError):
        return None
