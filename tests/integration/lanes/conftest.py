"""Lanes of one shard, on the real server."""

from collections.abc import Iterator

import pytest

from tests.lane_sides import LaneSides, lane_sides


@pytest.fixture
def lanes(redis_url: str) -> Iterator[LaneSides]:
    with lane_sides(redis_url) as sides:
        yield sides
