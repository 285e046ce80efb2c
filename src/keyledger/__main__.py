"""`python -m keyledger` is the `keyledger` command."""

from keyledger.cli.main import main

main()
