"""Programs of the machine that some tests need."""

import os
import shutil
from typing import NoReturn

import pytest


def needed_program(name: str) -> str:
    """Where the program is. Without it the test is skipped by name, or, in CI, fails."""
    if found := shutil.which(name):
        return found
    return missing(name)


def missing(name: str) -> NoReturn:
    """What a test needs is not there: in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{name} is missing: .ci/run installs it")
    pytest.skip(f"{name} is not installed")
