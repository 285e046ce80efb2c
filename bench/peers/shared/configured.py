"""The settings of a peer's process, from the environment that the benchmark gives it."""

import os
from typing import Final

NAME: Final = os.environ["PEER_NAME"]
"""Of the package that is this peer, as in `peers.<name>`."""
REDIS_URL: Final = os.environ["PEER_REDIS_URL"]
DATABASE_URL: Final = os.environ["PEER_DATABASE_URL"]
API_KEY: Final = os.environ["PEER_API_KEY"]
CONCURRENCY: Final = int(os.environ["PEER_CONCURRENCY"])
"""Commands that one worker process has in work at once."""
