"""A lane is on one shard for ever, and the shards share the lanes evenly."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.lanes.shards import prefix, shard_of

PINNED = {
    "ada": 2372962152,
    "bob": 4123767104,
    "user-1": 2116437524,
    "鍵": 1817482040,
    "🔑": 3276331706,
    "": 0,
}


@pytest.mark.parametrize("lane", PINNED, ids=repr)
@pytest.mark.parametrize("shards", [1, 2, 3, 7, 16, 1_000])
def test_the_shard_of_a_lane_never_changes(lane: str, shards: int) -> None:
    """Pinned CRC-32 of its UTF-8: another release on another machine finds the same."""
    assert PINNED[lane] % shards == shard_of(lane, shards)


@given(st.text(), st.integers(1, 1_000))
def test_every_lane_has_one_of_the_shards(lane: str, shards: int) -> None:
    """0 ≤ n < shards, whatever the id."""
    assert shard_of(lane, shards) in range(shards)


@pytest.mark.parametrize("shards", [2, 3, 8, 16])
@pytest.mark.parametrize("form", ["user-{}", "{}", "8e03978e-40d5-43dd-bc93-{:012x}", "鍵{}"])
def test_shards_share_the_lanes_evenly(form: str, shards: int) -> None:
    """Each within a quarter of its share, for ids that are counted up."""
    lanes = Counter(shard_of(form.format(number), shards) for number in range(16_000))
    share = 16_000 / shards
    assert set(range(shards)) == set(lanes)
    assert max(lanes.values()) <= 1.25 * share
    assert min(lanes.values()) >= 0.75 * share


def test_all_keys_of_a_shard_have_its_hash_tag() -> None:
    """Redis Cluster keeps together what has the same braces, so each shard has its own."""
    assert ["kl:{0}", "kl:{1}", "kl:{12}"] == [prefix(shard) for shard in (0, 1, 12)]
