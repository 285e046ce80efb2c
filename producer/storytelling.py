"""The story of one command in lines, for the command line and the console: a name and a text each.

In the order of time, by three clocks: accepted is the producer's, claimed is Redis's, the rest is
PostgreSQL's. No payload is told, only what the service gave: version, number, outcome.
"""

from typing import Any

from keyledger.contract.times import age_text, time_text
from keyledger.lanes.oversight import Marker, Oversight
from keyledger.ledger.story import Story

Line = tuple[str, str]


def tell_waiting(shard: Oversight, command_id: str, marker: Marker) -> list[Line]:
    """Why a command of this shard has no outcome yet."""
    lane, commands, now_ms = shard.lane(marker.lane), shard.commands(marker.lane), shard.overview(0).now_ms
    accepted = f"{time_text(marker.accepted_ms)} (UTC), {age_text(max(0, now_ms - marker.accepted_ms))} ago"
    lines = [
        ("command", f"{marker.command} {command_id} for user {marker.lane} by {marker.caller}"),
        ("accepted", accepted),
    ]
    if marker.is_marked:
        lines.append(("cancelled", "which is recorded when its turn comes"))
    ids = [command.id for command in commands]
    place = f"{ids.index(command_id)} of its user" if command_id in ids else f"more than {len(ids)} others"
    lines.append(("waits", f"{place} come first"))
    lines.append(("lane", f"{marker.lane} is {lane.state}{': ' if lane.reason else ''}{lane.reason}"))
    if lane.state == "held":
        lines.append(("held by", f"{lane.holder} until {time_text(lane.deadline_ms)}"))
    if lane.state == "delayed":
        lines.append(("next try", f"{time_text(lane.due_ms)}, attempts so far: {lane.attempts}"))
    return lines


def tell_recorded(story: Story) -> list[Line]:
    """What became of a command, and of its event."""
    told = story.command
    lines = [("command", f"{told['command']} {told['id']} for user {told['user_id']} by {told['caller']}")]
    if told["retry_of"]:
        lines.append(("retry of", f"dead letter {told['retry_of']}"))
    lines.append(("accepted", f"{time_text(told['accepted_ms'])} (UTC)"))
    if told["claimed_ms"]:
        waited = age_text(max(0, told["claimed_ms"] - told["accepted_ms"]))
        lines.append(("claimed", f"{time_text(told['claimed_ms'])}, after waiting {waited}"))
    lines.append(("committed", f"{time_text(told['completed_ms'])}: {_outcome(told)}"))
    if told["died_ms"]:
        lines.append(("given up", f"after {told['attempts']} attempts: {told['reason']}"))
    if told["event_id"]:
        event = f"{told['event_type']} {told['event_id']}, position {told['event_position']}"
        lines.append(("event", event))
    lines += [
        ("passed on", f"{consumer['name']}: {'yes' if consumer['has_passed'] else 'not yet'}")
        for consumer in story.consumers
    ]
    lines += [("delivery", _delivery(delivery)) for delivery in story.deliveries]
    lines += [("sent again", f"as {again['id']}: {again['status']}") for again in story.retries]
    return lines


def _outcome(told: dict[str, Any]) -> str:
    if told["error"]:
        return f"{told['status']} with {told['code']}, {told['error']['message']}"
    number = (told["event_data"] or {}).get("number")
    return f"{told['status']}, version {told['version']}{'' if number is None else f', number {number}'}"


def _delivery(delivery: dict[str, Any]) -> str:
    state = delivery["status"]
    if state == "delivered":
        state += f" {time_text(delivery['done_ms'])}"
    elif state == "pending":
        state += f", next try {time_text(delivery['due_ms'])}"
    return f"{delivery['id']} to {delivery['url']}: {state}, attempts: {delivery['attempts']}"
