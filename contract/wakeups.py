"""The names by which producers wake workers through Celery.

A wake-up says only "there is work on this shard": it has no payload, and losing or doubling one harms
nothing, because the lanes hold the commands and the sweep finds them.
"""

from typing import Final

DRAIN_TASK: Final = "keyledger.drain"
DRAIN_QUEUE: Final = "keyledger.drains"
WAKEUP_EXPIRES_S: Final = 10
"""A wake-up older than this says nothing that the sweep has not found out."""
