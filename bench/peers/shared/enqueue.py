"""`python -m peers.shared.enqueue USERS COMMANDS`: put commands into a peer's queue, without HTTP.

They are for users chosen at random, always the same ones. `accepted_ms` counts one up a command from the
time of the first: so it tells when that was, and the order of all.
"""

import asyncio
import importlib
import random
import sys
import time
from typing import Final

from .command import Command, new_id
from .configured import NAME
from .intake import Sender

BODY: Final = {"orgId": "example_string", "orgName": "Bench", "note": "bench"}


async def enqueue(users: int, count: int) -> None:
    """Connect, then enqueue; nobody waits for answers."""
    chosen = random.Random(1)
    user_ids = [f"bench-{chosen.randint(1, users):04d}" for _ in range(count)]
    sending = importlib.import_module(f"peers.{NAME}.sending")
    async with sending.open_sender() as opened:
        sender: Sender = opened
        began_ms = time.time_ns() // 1_000_000
        await sender.send_all(
            [
                Command(new_id(began_ms + nth, 0), user_id, BODY, began_ms + nth, "")
                for nth, user_id in enumerate(user_ids)
            ]
        )


if __name__ == "__main__":
    asyncio.run(enqueue(int(sys.argv[1]), int(sys.argv[2])))
