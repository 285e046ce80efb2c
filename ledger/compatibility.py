"""Which schemas this code works on: the one it was made with, and newer ones that say that they serve it.

Migrations only add; what is not used any more is taken away one version later. So the version before goes on
working beside a newer schema, and code can be taken back without touching it. How far back that holds, the
schema says by itself: `migrate` leaves it as a comment on the table that holds the revision.
"""

from dataclasses import dataclass
from typing import Final

import psycopg

from .errors import translated

SERVES_FROM: Final = "0006"
"""Code that needs this revision or a later one works on the newest schema. A migration that takes something
away raises it (docs/upgrading.md)."""
SERVED: Final = "substring(obj_description(to_regclass('alembic_version'), 'pg_class') FROM '[0-9]{4}')"
"""SQL: the same, as a schema says it; null where it says nothing."""
_IS_THERE: Final = "SELECT to_regclass('alembic_version') IS NOT NULL"
_FOUND: Final = f"SELECT version_num, {SERVED} FROM alembic_version"


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why code cannot work on a schema, and what to do about it."""

    what: str
    advice: str
    is_old: bool
    """The schema is older than the code, and `migrate` mends that."""

    def __str__(self) -> str:
        return f"{self.what}: {self.advice}"


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema as found. `revision` None: there is none; `serves_from` None: it does not say so."""

    revision: str | None
    serves_from: str | None = None

    def misfit(self, needed: str) -> Misfit | None:
        """What keeps code that needs this revision from working on it; None when it can."""
        if self.revision == needed:
            return None
        if self.revision is None or self.revision < needed:
            what = f"schema {needed} is needed, and it is at {self.revision or 'none'}"
            return Misfit(what, "run keyledger migrate", is_old=True)
        if self.serves_from is None or self.serves_from > needed:
            what = f"the schema is newer than this version, {self.revision} for {needed}"
            return Misfit(what, "use a newer version", is_old=False)
        return None


def find_schema(connection: psycopg.Connection) -> Schema:
    """What the database has."""
    with translated(connection):
        is_there = connection.execute(_IS_THERE).fetchone()
        row = connection.execute(_FOUND).fetchone() if is_there == (True,) else None
    return Schema(*row) if row is not None else Schema(None)
