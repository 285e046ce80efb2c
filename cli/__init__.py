"""The `keyledger` command, for people: start everything, administer, look, repair.

Each module is one group of commands; `main` puts them together. A command reads its settings once,
says what it does, exits with 0 on success and with 1 and one clear sentence on failure.
"""
