"""The benchmark: this service against other ways to work off one user's commands one at a time.

It starts each on one machine with the same servers and the same durability, puts the same load on them in
turn, looks at the work behind every answer, and prints what came out, misses too. README.md says how to
read it.
"""
