"""PostgreSQL is the truth: schema, migrations, the event log, users, keys, and every SQL statement.

Guarantee: a command's outcome, its event and its effect are committed together or not at all, once per
command id, with numbers and versions that are contiguous per user (constraints and triggers, then the
fence, then code). It does not know Redis, HTTP or Celery, and does not decide what a command means.
"""
