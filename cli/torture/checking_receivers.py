"""What a receiver of everything got, against the log: invariant I9.

Every event at least once, signed, in order, and with the id of the one before, so that a receiver can see
what it missed. An event that never came is reported once, as missing, not again by its successor.
"""

from collections.abc import Iterator

from .violation import Violation, violation
from .world import Received, RecordedEvent, UserWorld


def check_receiver(seen: UserWorld) -> Iterator[Violation]:
    """All that the receiver's log shows of this user."""
    logged = {event.id: event for event in seen.events}
    arrivals = []
    for arrival in seen.received:
        event = logged.get(arrival.event_id)
        if event is None or event.type != arrival.type:
            problem = f"Event {arrival.event_id} was received and is not so in the log."
            yield violation("I9", seen.user, problem, arrival, event)
            continue
        arrivals.append((arrival, event))
        if not arrival.is_verified:
            problem = f"The signature of event {arrival.event_id} was wrong."
            yield violation("I9", seen.user, problem, arrival)
    came = {event.id for _, event in arrivals}
    for event in seen.events:
        if event.id not in came:
            yield violation("I9", seen.user, f"Event {event.id} was never received.", event)
    yield from _check_order(seen, arrivals)
    yield from _check_previous(seen, arrivals, came)


def _check_order(seen: UserWorld, arrivals: list[tuple[Received, RecordedEvent]]) -> Iterator[Violation]:
    """Events come for the first time in the order of the log: the first that does not."""
    came: set[str] = set()
    last: tuple[Received, RecordedEvent] | None = None
    for arrival, event in arrivals:
        if event.id in came:
            continue
        came.add(event.id)
        if last is not None and event.position < last[1].position:
            problem = f"Event {event.id} was received after {last[1].id}, which stands after it in the log."
            yield violation("I9", seen.user, problem, last[0], arrival, event, last[1])
            return
        last = (arrival, event)


def _check_previous(
    seen: UserWorld, arrivals: list[tuple[Received, RecordedEvent]], came: set[str]
) -> Iterator[Violation]:
    """Each names the event before it; where that one never came, the last one that did is right too."""
    right: dict[str, set[str | None]] = {}
    logged = received = None
    for event in seen.events:
        right[event.id] = {logged, received}
        logged = event.id
        if event.id in came:
            received = event.id
    for arrival, event in arrivals:
        if arrival.previous not in right[event.id]:
            problem = f"Event {event.id} names {arrival.previous} as the event before it."
            yield violation("I9", seen.user, problem, arrival, event)
