"""The peer: a Celery task with a Redis lock per user, as everyone writes it, and written well.

FastAPI takes the request, Celery carries it, redis-py's `Lock` keeps one user's commands apart, one
PostgreSQL transaction records it, and a Redis PUBLISH takes the answer back. It runs in `bench/.venv`.
"""
