"""What of the benchmark can be told without servers: settings, candidates, what pgbench says, ids."""

import uuid

import pytest

from bench.contestants import PEERS, Peer, setting_of
from bench.load import BenchError
from bench.peer_environment import PEERS_FOLDER
from bench.peer_processes import Setting
from bench.peer_stores import with_path
from bench.peers.shared.command import new_id
from bench.pgbench import transactions_per_s
from bench.tuning import AT_ONCE_MAX, candidates


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_peer_has_its_package(peer: Peer) -> None:
    """Its name says which, and its docstring what it is."""
    package = PEERS_FOLDER / peer.package
    assert (package / "__init__.py").read_text().startswith('"""')
    assert (package / "sending.py").is_file()


def test_the_celery_lock_is_the_first_peer() -> None:
    """Everything else is compared with what everyone writes."""
    assert "celery-lock" == PEERS[0].name


@pytest.mark.parametrize("cores", [1, 2, 4, 16, 64])
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_setting_leaves_the_server_some_connections(peer: Peer, cores: int) -> None:
    """PostgreSQL has 64; a command in work has one."""
    setting = setting_of(peer, cores)
    assert 1 <= setting.workers * setting.concurrency <= AT_ONCE_MAX


def test_more_cores_mean_more_workers() -> None:
    """As far as the connections reach."""
    procrastinate = next(peer for peer in PEERS if peer.name == "procrastinate")
    assert setting_of(procrastinate, 2).workers < setting_of(procrastinate, 8).workers


@pytest.mark.parametrize("cores", [1, 2, 16])
def test_candidates_have_one_worker_and_one_a_core(cores: int) -> None:
    """And none has more in work than there are connections."""
    tried = candidates(cores)
    assert Setting(1, 16) in tried
    assert all(setting.workers * setting.concurrency <= AT_ONCE_MAX for setting in tried)


def test_another_database_of_the_same_server() -> None:
    """Password and port stay."""
    assert "redis://:secret@127.0.0.1:6379/3" == with_path("redis://:secret@127.0.0.1:6379/0", "/3")


def test_what_pgbench_says_is_read() -> None:
    """Its line about transactions a second."""
    told = "number of failed transactions: 0 (0.000%)\ntps = 218.190 (without initial connection time)\n"
    assert 218.19 == transactions_per_s(told)


@pytest.mark.parametrize("told", ["", "number of failed transactions: 3 (1.000%)\ntps = 218.1 (without)\n"])
def test_a_pgbench_that_failed_is_not_believed(told: str) -> None:
    """No rate, or one of failed transactions."""
    with pytest.raises(BenchError):
        transactions_per_s(told)


def test_ids_sort_by_time_and_then_by_number() -> None:
    """Within a millisecond, too: a queue that orders by them keeps the order of accepting."""
    ids = [new_id(1, 5), new_id(1, 6), new_id(2, 0)]
    assert sorted(ids) == ids
    assert {7} == {uuid.UUID(id_).version for id_ in ids}
