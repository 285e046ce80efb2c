"""Lanes of one shard, on the real server: the only one, and the last of three."""

from collections.abc import Iterator

import pytest

from tests.lane_sides import LaneSides, lane_sides


@pytest.fixture(params=[0, 2], ids=["one shard", "third of three"])
def shard(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def lanes(redis_url: str, shard: int) -> Iterator[LaneSides]:
    with lane_sides(redis_url, number=shard) as sides:
        yield sides
