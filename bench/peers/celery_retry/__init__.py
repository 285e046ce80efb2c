"""A Celery task that never waits for the user's lock: when it is taken, the task is sent again, for later.

In its favour: no worker is kept by a busy user, the time until the next try is short and spread, and it is
tried for ever; otherwise as celery_lock, on Starlette and granian. What it lacks: an order. A command that
is sent again is behind those that were accepted after it, and a busy user's commands go round and round.
"""
