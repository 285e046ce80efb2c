"""Which environment a peer runs in: one for all, and one for each whose library does not go with theirs."""

from pathlib import Path
from typing import Final

from .environment import python_with

PEERS_FOLDER: Final = Path(__file__).with_name("peers")


def peer_python(package: str) -> Path:
    """The interpreter for the peer in `peers/<package>`. BenchError when its environment cannot be made."""
    lock, name = PEERS_FOLDER / package / "requirements.txt", package
    if not lock.is_file():
        lock, name = PEERS_FOLDER / "requirements.txt", "peers"
    return python_with(lock, name)
