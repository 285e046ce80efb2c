"""Keyledger: numbered physical keys per user, through a queue with one lane per user.

Each room is a folder at the top of the repository; the links beside this file give it its import
name, ``keyledger.<room>``, so that an installed copy cannot collide with another distribution
(docs/decisions/0001-import-names.md).
"""
