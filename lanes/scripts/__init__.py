"""The steps of the protocol as Lua scripts, one file each, and the way to their text.

`prelude.lua` is put before each of them: the names of the shard's keys, and the rule of waking.
"""

from importlib.resources import files
from typing import Final

SCRIPTS: Final = (
    "accept", "claim", "finish", "renew", "sweep", "sign_on", "sign_off", "cancel", "inspect",
    "park", "unpark", "describe",
)  # fmt: skip


def source(name: str) -> str:
    """The Lua source of one script, prelude included."""
    folder = files(__package__)
    return (folder / "prelude.lua").read_text() + (folder / f"{name}.lua").read_text()
