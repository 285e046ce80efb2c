"""`keyledger torture`: the real service under faults, and what is left of its promises.

It drives producers, workers, Redis and PostgreSQL as real processes, records what every client sent and
heard, injects faults, heals them, waits for quiet, and then checks every invariant against the event log,
the receiver and Redis. It does not promise that a service without a violation has no faults: only that this
load and these faults showed none.
"""
