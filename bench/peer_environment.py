"""The peers' own virtual environments, in `bench/.venvs`: made from a hashed lock when missing or stale.

One for all, and one more for each peer whose library does not go with the versions of the others.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from .load import BenchError

PEERS_FOLDER: Final = Path(__file__).with_name("peers")
_VENVS: Final = Path(__file__).with_name(".venvs")
_TIMEOUT_S: Final = 600


def peer_python(package: str) -> Path:
    """The interpreter for the peer in `peers/<package>`. BenchError when its environment cannot be made."""
    lock, name = PEERS_FOLDER / package / "requirements.txt", package
    if not lock.is_file():
        lock, name = PEERS_FOLDER / "requirements.txt", "peers"
    venv = _VENVS / name
    made_from, python = venv / "made-from", venv / "bin" / "python"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if not made_from.is_file() or made_from.read_text() != wanted:
        shutil.rmtree(venv, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(venv)])
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)])
        made_from.write_text(wanted)
    return python


def _run(command: list[str]) -> None:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"A peer's environment took longer than {_TIMEOUT_S} s to make") from error
    if ran.returncode != 0:
        raise BenchError(f"A peer's environment could not be made: {ran.stderr.strip()[-500:]}")
