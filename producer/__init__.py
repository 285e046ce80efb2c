"""The thin intake API: authenticate, validate, put into a lane, wait for the answer or say 202.

Guarantee: 200 means committed in PostgreSQL, 202 means in the lane as durably as the Redis in use keeps it,
and an error before acceptance means that nothing was enqueued. It decides nothing that depends on a user's
state: whether a user or key exists is the worker's word, since a command ahead may change it.
"""
