"""The service's ed25519 keys for `v1a` signatures: made when first needed, encrypted at rest, published.

The newest signs; all that ever signed stay published, so that what was received can still be verified.
"""

from dataclasses import dataclass
from typing import Final

from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from keyledger.contract.signature import make_signing_key, public_key_of

from .clock import NOW_MS
from .sealing import Sealing

_LIST: Final = "SELECT number, key, public_key, created_ms FROM signing_keys ORDER BY number"
# Of two that make the first one, one does.
_ADD_FIRST: Final = f"""
INSERT INTO signing_keys (number, key, public_key, created_ms) VALUES (1, %s, %s, {NOW_MS})
ON CONFLICT (number) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key; `key` is encrypted."""

    number: int
    key: bytes
    public_key: str
    created_ms: int


async def list_signing_keys(pool: AsyncConnectionPool, sealing: Sealing, seed: bytes) -> list[SigningKey]:
    """All keys, the newest last. If there is none, one is made of the seed: 32 random bytes."""
    async with (
        pool.connection() as connection,
        connection.cursor(row_factory=class_row(SigningKey)) as cursor,
    ):
        found = await (await cursor.execute(_LIST)).fetchall()
        if not found:
            made = make_signing_key(seed)
            await cursor.execute(_ADD_FIRST, [sealing.seal(made), public_key_of(made)])
            found = await (await cursor.execute(_LIST)).fetchall()
        return found
