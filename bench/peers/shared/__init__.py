"""What all peers have in common: the tables, the transaction, the web application, the way of an answer.

So that a comparison of two peers compares their queues and nothing else. It runs in the peers' own
environments (`bench/.venvs`), which know nothing of keyledger.
"""
