"""A Celery task whose only lock is the row of the user's head in PostgreSQL: no Redis lock.

The first statement of the transaction, `UPDATE … RETURNING`, takes the same lock as `SELECT … FOR UPDATE`
would, in one statement fewer.

In its favour: two Redis round trips a command fewer than celery_lock, waiting without looking again and
again, and nothing to expire. What it lacks: an order among commands that were taken by different workers
at once, and a busy user keeps a worker and a connection for each of its waiting commands.
"""
