"""What of the benchmark can be told without servers: settings, candidates, what pgbench says, ids."""

import uuid

import pytest

from bench.contestants import PEERS, Peer
from bench.load import BenchError
from bench.peer_environment import PEERS_FOLDER
from bench.peer_settings import CONNECTIONS_MAX, SIZINGS, Setting, Sizing
from bench.peer_stores import with_path
from bench.peers.shared.command import new_id
from bench.pgbench import transactions_per_s


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
    """A command in work has one, and a queue in PostgreSQL has its own."""
    sizing = SIZINGS[peer.name]
    setting = sizing.setting(cores)
    assert setting.concurrency >= 1
    assert setting.workers * (setting.concurrency + sizing.own_connections) <= CONNECTIONS_MAX


def test_more_cores_mean_more_workers() -> None:
    """With fewer commands at once in each, where connections would not reach."""
    sizing = Sizing(2, 16)
    assert [Setting(2, 16), Setting(2, 16), Setting(4, 13), Setting(6, 9), Setting(6, 9)] == [
        sizing.setting(cores) for cores in (1, 2, 4, 8, 64)
    ]


def test_candidates_reach_as_far_as_the_connections() -> None:
    """One worker and one a core, with what is left for each."""
    assert [
        Setting(1, 4),
        Setting(1, 8),
        Setting(1, 16),
        Setting(1, 32),
        Setting(2, 4),
        Setting(2, 8),
        Setting(2, 16),
    ] == list(Sizing(1, 16, own_connections=11).candidates(2))


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
