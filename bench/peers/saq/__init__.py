"""SAQ with a Redis lock per user: an asynchronous queue in Redis, its lock redis-py's own.

SAQ rather than Dramatiq: Dramatiq's mutex (`ConcurrentRateLimiter`) refuses at once and sends the message
again later, as celery_retry does; a coroutine that waits for a lock costs no thread.

In its favour: nothing is kept of a finished job, waiting is cheap, a lock that looks ten times as often as
redis-py's own. What it lacks: a key of its own kind to keep jobs apart, and an order (SAQ's `key` drops a
second job instead of having it wait).
"""
