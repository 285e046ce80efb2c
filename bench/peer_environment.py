"""The peer's own virtual environment, `bench/.venv`: made from its hashed lock when missing or stale.

What both sides use (celery, redis, psycopg, …) has the same version in both locks.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from .load import BenchError

PEER_FOLDER: Final = Path(__file__).parent / "peers" / "celery_lock"
_LOCK: Final = PEER_FOLDER / "requirements.txt"
_VENV: Final = Path(__file__).with_name(".venv")
_TIMEOUT_S: Final = 600


def peer_python() -> Path:
    """The interpreter of the peer. BenchError when its environment cannot be made."""
    made_from = _VENV / "made-from"
    wanted = hashlib.sha256(_LOCK.read_bytes() + sys.version.encode()).hexdigest()
    python = _VENV / "bin" / "python"
    if not made_from.is_file() or made_from.read_text() != wanted:
        shutil.rmtree(_VENV, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(_VENV)])
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--no-deps", "--require-hashes", "-r", str(_LOCK)])
        made_from.write_text(wanted)
    return python


def _run(command: list[str]) -> None:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"The peer's environment took longer than {_TIMEOUT_S} s to make") from error
    if ran.returncode != 0:
        raise BenchError(f"The peer's environment could not be made: {ran.stderr.strip()[-500:]}")
