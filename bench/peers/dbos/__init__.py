"""DBOS with a partitioned queue: a partition a user, one workflow of a partition at a time.

The workflow makes the ledger's transaction itself and not in a step: its insert is safe to repeat, so a
step's checkpoint would only cost. In its favour: that; a look for work every few milliseconds instead of
every second; the answer by Redis PUBLISH as with the others, not by looking for a workflow's result. It
keeps the order of a user. What it lacks: who looks for work is one thread a process, and a workflow costs
transactions of its own when it is enqueued, started and ended.
"""
