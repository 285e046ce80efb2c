"""Organisations and their API keys.

The command line changes them over a sync connection; the producer looks them up over its pool. A key is
valid from its creation until it expires or is revoked; nothing else is ever changed about it.
"""

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from .clock import NOW_MS
from .errors import LedgerError, translated

_KEY_COLUMNS: Final = "id, organisation_id, digest, label, created_ms, expires_ms, revoked_ms"


class UnknownAccount(LedgerError):
    """There is no such organisation or API key."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """Who issues keys. `rate_per_s` None means the setting."""

    id: str
    name: str
    rate_per_s: int | None
    created_ms: int


@dataclass(frozen=True, slots=True)
class StoredApiKey:
    """What is kept of an API key."""

    id: str
    organisation_id: str
    digest: bytes
    label: str
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None

    def is_valid_at(self, now_ms: int) -> bool:
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)


def add_organisation(connection: psycopg.Connection, id_: str, name: str, rate_per_s: int | None) -> bool:
    """Register an organisation, or change name and rate of one; returns whether it is new."""
    with translated(connection):
        row = connection.execute(
            f"""
            INSERT INTO organisations (id, name, rate_per_s, created_ms) VALUES (%s, %s, %s, {NOW_MS})
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, rate_per_s = excluded.rate_per_s
            RETURNING xmax = 0
            """,
            [id_, name, rate_per_s],
        ).fetchone()
    assert row is not None
    return bool(row[0])


def list_organisations(connection: psycopg.Connection) -> list[Organisation]:
    """All organisations, by id."""
    with translated(connection), connection.cursor(row_factory=class_row(Organisation)) as cursor:
        return cursor.execute(
            "SELECT id, name, rate_per_s, created_ms FROM organisations ORDER BY id"
        ).fetchall()


def add_api_key(
    connection: psycopg.Connection,
    key_id: str,
    organisation_id: str,
    digest: bytes,
    label: str,
    expires_ms: int | None,
) -> None:
    """Store a new API key. UnknownAccount if the organisation is not registered."""
    with translated(connection):
        cursor = connection.execute(
            f"""
            INSERT INTO api_keys (id, organisation_id, digest, label, created_ms, expires_ms)
            SELECT %s, id, %s, %s, {NOW_MS}, %s FROM organisations WHERE id = %s
            """,
            [key_id, digest, label, expires_ms, organisation_id],
        )
    if cursor.rowcount == 0:
        raise UnknownAccount(f"There is no organisation {organisation_id!r}: add it with keyledger org add")


def end_api_key(connection: psycopg.Connection, key_id: str, *, after_s: int = 0) -> StoredApiKey:
    """Revoke a key now, or let it expire after so many seconds. UnknownAccount if there is none such."""
    change = (
        "revoked_ms = coalesce(revoked_ms, {now})"
        if after_s == 0
        else ("expires_ms = least(expires_ms, {now} + %(after_ms)s)")
    )
    with translated(connection), connection.cursor(row_factory=class_row(StoredApiKey)) as cursor:
        key = cursor.execute(
            f"UPDATE api_keys SET {change.format(now=NOW_MS)} WHERE id = %(id)s RETURNING {_KEY_COLUMNS}",
            {"id": key_id, "after_ms": after_s * 1000},
        ).fetchone()
    if key is None:
        raise UnknownAccount(f"There is no API key {key_id!r}: see keyledger apikey list")
    return key


def list_api_keys(connection: psycopg.Connection, organisation_id: str | None) -> list[StoredApiKey]:
    """The keys of one organisation, or of all, oldest first."""
    with translated(connection), connection.cursor(row_factory=class_row(StoredApiKey)) as cursor:
        return cursor.execute(
            f"""
            SELECT {_KEY_COLUMNS} FROM api_keys
            WHERE %(organisation)s::text IS NULL OR organisation_id = %(organisation)s ORDER BY created_ms, id
            """,
            {"organisation": organisation_id},
        ).fetchall()


async def find_api_key(pool: AsyncConnectionPool, key_id: str) -> StoredApiKey | None:
    """A stored key by its id."""
    async with (
        pool.connection() as connection,
        connection.cursor(row_factory=class_row(StoredApiKey)) as cursor,
    ):
        await cursor.execute(f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE id = %s", [key_id])
        return await cursor.fetchone()


async def find_organisation(pool: AsyncConnectionPool, id_: str) -> Organisation | None:
    """An organisation by its id."""
    async with (
        pool.connection() as connection,
        connection.cursor(row_factory=class_row(Organisation)) as cursor,
    ):
        await cursor.execute(
            "SELECT id, name, rate_per_s, created_ms FROM organisations WHERE id = %s", [id_]
        )
        return await cursor.fetchone()
