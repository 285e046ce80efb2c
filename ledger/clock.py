"""The ledger's clock, as SQL: Unix milliseconds, moving on within a transaction."""

from typing import Final

NOW_MS: Final = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
