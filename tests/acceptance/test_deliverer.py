"""Deliverers in processes of their own: what workers commit, they pass on, at once."""

from pathlib import Path

from tests.deployment import deployment
from tests.waiting import wait_until


def test_a_deliverer_hears_of_a_commit_and_need_not_look(
    redis_url: str, database_url: str, tmp_path: Path
) -> None:
    """It looks once a minute here, and the event is in the stream long before; the worker relays nothing."""
    options = {"relay_interval_s": 60, "metrics_port": 0}
    with deployment(redis_url, database_url, tmp_path) as system:
        system.start_producer(**options)
        system.start_worker(**options, worker_delivers=False)
        assert 201 == system.client.create("before").status_code
        assert not system.redis.exists("keyledger:events")
        deliverer = system.start("deliverer", **options, webhook_secret_key="a secret for webhooks")
        deliverer.wait_until(lambda: system.redis.pubsub_numsub("kl:committed")[0][1] == 1, 20)
        wait_until(lambda: system.redis.xlen("keyledger:events") == 1, 20, what="the event from before")
        assert 201 == system.client.create("after").status_code
        wait_until(lambda: system.redis.xlen("keyledger:events") == 2, 20, what="the event of the commit")
        deliverer.stop(5)
        assert 0 == deliverer.exit_code
