"""FastAPI, a Celery task, a Redis lock per user: as everyone writes it, and written well.

FastAPI on uvicorn takes the request, Celery carries it, redis-py's `Lock` keeps one user's commands apart,
one PostgreSQL transaction records it, and a Redis PUBLISH takes the answer back.

In its favour: no triggers, no idempotency before the queue, a lock that looks ten times as often as
redis-py's own, transactions in two round trips, no result backend. What it lacks: an order. Whoever looks
first when the lock is free has it, and a busy user keeps workers waiting that others could use.
"""
