"""Processes to kill, on real servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment import Deployment, deployment


@pytest.fixture
def deployed(redis_url: str, database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(redis_url, database_url, tmp_path) as made:
        yield made
        made.wait_until_idle()
        made.check_ledger()
