"""The worker: Celery wakes it, it drains lanes, decides, records, answers, and sweeps.

Guarantee: a command is answered only after its outcome is committed, and removed from its lane only after
that; a worker that dies anywhere leaves its lanes to the next when their lease ends. Celery messages are
wake-ups only: work is done even if every one of them is lost.
"""
