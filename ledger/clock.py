"""The ledger's clock, as SQL: Unix milliseconds, the same all through a statement.

So an index can be asked for what is due: of a clock that moves within a statement (`clock_timestamp`), the
planner cannot know where to begin.
"""

from typing import Final

NOW_MS: Final = "(extract(epoch FROM statement_timestamp()) * 1000)::bigint"
