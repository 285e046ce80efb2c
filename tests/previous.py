"""The version before this one, to run beside it: a commit of the history, until there is a release to name.

`installed` makes a real installation, in an environment of its own from its own lock, once (`.previous/`, a
minute without a cache). `beside` only puts its code before ours, on our environment: a second. At a release,
`COMMIT` moves on to the release before (docs/upgrading.md). `python -m tests.previous` prints its Python.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Final

COMMIT: Final = os.environ.get("KEYLEDGER_TEST_PREVIOUS") or "2da3b0f3bb9cf0ec3571ec137ca58c610084d0b0"
ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / ".previous"


class NoPrevious(Exception):
    """The commit is not in this clone."""


def installed() -> Path:
    """The Python of the version before, installed with the embedded servers. Raises NoPrevious."""
    made = FOLDER / COMMIT[:12]
    python = made / "bin" / "python"
    if python.is_file():
        return python
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as path:
        source = export(Path(path) / "source")
        partial = Path(path) / "venv"
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--relocatable", "--python", sys.executable, partial], check=True)
        subprocess.run(
            [
                *uv, "pip", "install", "--python", partial / "bin" / "python",
                "--constraint", source / "requirements.lock", f"keyledger[embedded] @ file://{source}",
            ],
            check=True,
        )  # fmt: skip
        partial.rename(made)
    return python


def beside(folder: Path) -> Path:
    """A Python in `folder` that runs the code of the version before with our packages. Raises NoPrevious."""
    source = export(folder / "source")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    packages = sysconfig.get_path("purelib", vars={"base": str(folder / "venv")})
    Path(packages, "previous.pth").write_text(f"{source / 'src'}\n{sysconfig.get_path('purelib')}\n")
    return python


def export(folder: Path) -> Path:
    """Its source, as a checkout has it, without the history. Raises NoPrevious."""
    git = ["git", "-C", str(ROOT)]
    if subprocess.run([*git, "cat-file", "-e", f"{COMMIT}^{{commit}}"], check=False).returncode:
        raise NoPrevious(f"Commit {COMMIT[:12]} is not in this clone: fetch the whole history")
    folder.mkdir(parents=True)
    archive = subprocess.run([*git, "archive", COMMIT], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{installed()}\n")
    except NoPrevious as error:
        sys.exit(str(error))
