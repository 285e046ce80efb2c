"""Procrastinate with `lock=<user>`: a queue in PostgreSQL whose jobs of one lock run one at a time.

In its favour: the asynchronous connector, jobs deleted when they are done, a look for work every few
milliseconds (it does not look when a lock becomes free), the answer by Redis PUBLISH as with the others.
It keeps the order of a user. What it lacks: a fetch takes one job and a round trip, a job costs three
transactions beside its own (deferred, fetched, finished), and each of them fires triggers.
"""
