"""Virtual environments of their own, in `bench/.venvs`: made from a hashed lock when missing or stale."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from .load import BenchError

_VENVS: Final = Path(__file__).with_name(".venvs")
_TIMEOUT_S: Final = 600


def python_with(lock: Path, name: str) -> Path:
    """The interpreter of an environment that holds what `lock` names. BenchError when it cannot be made."""
    made_from, python = _VENVS / name / "made-from", _VENVS / name / "bin" / "python"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if not made_from.is_file() or made_from.read_text() != wanted:
        shutil.rmtree(_VENVS / name, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(_VENVS / name)])
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)])
        made_from.write_text(wanted)
    return python


def _run(command: list[str]) -> None:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"An environment took longer than {_TIMEOUT_S} s to make") from error
    if ran.returncode != 0:
        raise BenchError(f"An environment could not be made: {ran.stderr.strip()[-500:]}")
