"""The benchmark: this service against the Celery task with a Redis lock that everyone writes.

It starts both on one machine with the same servers and the same durability, puts the same load on them in
turn, and prints what came out, misses too. README.md says how to read it.
"""
