"""The checker of a fault run: every invariant that what was found can show to be broken.

Each user is checked on their own, in the time it takes to sort what concerns them. It finds what a client, a
receiver or the ledger could see; fences and leases (I5), waiting (I6) and the fate of others (I7) are
the harness's to watch while it runs.
"""

from collections.abc import Iterable

from .checking_clients import check_answers, check_order, check_unasked, lost_acceptances, sent_commands
from .checking_ledger import check_ledger
from .checking_receivers import check_receiver
from .history import Entry, operations
from .violation import Violation, violation
from .world import World, by_user


def check(world: World, receives: bool = True) -> list[Violation]:
    """Everything that is wrong. `receives`: did a receiver of all events take part?"""
    violations: list[Violation] = []
    lost: list[Entry] = []
    for seen in by_user(world):
        sent = sent_commands(seen.operations)
        violations += check_answers(seen, sent)
        violations += check_unasked(seen, sent)
        violations += check_order(seen, sent, may_be_lost=world.lost_at_most > 0)
        violations += check_ledger(seen)
        if receives:
            violations += check_receiver(seen)
        lost += lost_acceptances(seen, sent)
    violations += _too_many(lost, world.lost_at_most)
    if world.left_in_redis:
        shows = [{"key": key} for key in world.left_in_redis]
        violations.append(Violation("I10", None, "Keys are left in Redis.", shows))
    return violations


def _too_many(lost: list[Entry], lost_at_most: int) -> Iterable[Violation]:
    """A loss takes what was accepted last; what was accepted before that is not excused by it."""
    lost.sort(key=lambda answer: answer.at_ms, reverse=True)
    for answer in lost[lost_at_most:]:
        problem = f"Command {answer.command_id} was accepted and is not recorded."
        yield violation("I1", answer.user, problem, answer)


def enough(history: Iterable[Entry], fault_window: tuple[float, float]) -> float:
    """The share of operations sent outside `fault_window` (its first and last ms) that were accepted.

    0.0 where there are none: a run that only sent while the fault lasted shows nothing.
    """
    first_ms, last_ms = fault_window
    outside = [sent for sent in operations(history) if not first_ms <= sent.invoke.at_ms <= last_ms]
    return sum(sent.is_answered for sent in outside) / len(outside) if outside else 0.0
