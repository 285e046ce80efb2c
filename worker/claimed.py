"""A claimed batch as the worker sees it: envelopes it understands, and lanes it must leave alone.

An envelope that cannot be read at all is treated like a poison command of its lane; one that is newer
than this code stays where it is, for a newer worker.
"""

from dataclasses import dataclass, field
from typing import Final

from keyledger.contract.actors import Actor
from keyledger.contract.envelope import Envelope, NotUnderstood
from keyledger.lanes.holding import HeldLane
from keyledger.ledger.batch import LaneBatch

NOT_UNDERSTOOD_REASON: Final = "this worker does not know the command; it waits for a newer worker"
_UNREADABLE: Final = "Unreadable"


@dataclass(slots=True)
class OpenedLane:
    """A held lane with its envelopes; `stops_early` when the one after them is not understood."""

    held: HeldLane
    claimed_ms: int
    envelopes: list[Envelope] = field(default_factory=list)
    stops_early: bool = False

    @property
    def batch(self) -> LaneBatch:
        return LaneBatch(self.held.lane, self.envelopes, claimed_ms=self.claimed_ms)

    def raw(self, command_id: str) -> bytes:
        """The bytes of a command as they lie in the lane."""
        return next(payload for id_, payload in self.held.commands if id_ == command_id)


def open_lane(held: HeldLane, claimed_ms: int) -> OpenedLane:
    """Decode the commands of a held lane, as far as they are understood."""
    opened = OpenedLane(held, claimed_ms)
    for command_id, payload in held.commands:
        try:
            envelope = Envelope.decode(payload)
        except NotUnderstood:
            opened.stops_early = True
            break
        except (ValueError, KeyError):
            envelope = Envelope(command_id, _UNREADABLE, held.lane, {}, b"", Actor("unknown"), 0)
        opened.envelopes.append(envelope)
    return opened
