"""Indexes on tables that are in use: built while others read and write, and built again when that failed.

It runs outside of the migration's transaction, so it comes first in a migration: what was done before it
would stand, and what comes after it is one transaction as ever.
"""

from typing import Any, Final

from alembic import op
from sqlalchemy import text

BUILD_LOCK_WAIT_S: Final = 600
"""Nobody waits behind it, so it may wait longer than others, for transactions that began before it."""
_IS_BROKEN: Final = text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def build_index(name: str, table: str, columns: list[str], **options: Any) -> None:
    """Build it unless it is there; one that an earlier try left half built is dropped first. `options` as for
    `op.create_index`."""
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        before = connection.execute(text("SHOW lock_timeout")).scalar_one()
        op.execute(f"SET lock_timeout = '{BUILD_LOCK_WAIT_S}s'")
        if connection.execute(_IS_BROKEN, {"name": name}).scalar():
            op.drop_index(name, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, if_not_exists=True, **options)
        op.execute(f"SET lock_timeout = '{before}'")
