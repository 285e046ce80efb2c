"""`python -m peers.procrastinate.tables`: make the library's tables in an empty database."""
# Procrastinate is only in the peers' environment, so mypy knows nothing of it here.
# mypy: ignore-errors

import asyncio

from .queue import app


async def make() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


if __name__ == "__main__":
    asyncio.run(make())
