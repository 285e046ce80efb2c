"""What Prometheus sees of the running processes."""

import subprocess
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from keyledger.cli.embedded.server_process import free_port
from tests.deployment import deployment
from tests.programs import needed_program
from tests.waiting import wait_until

KEY = "a long secret for webhooks"


def scrape(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5, trust_env=False).raise_for_status().text


def values(text: str) -> dict[tuple[str, ...], float]:
    """Name and label values → value."""
    families = text_string_to_metric_families(text)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_producer_worker_and_deliverer_show_what_they_do(
    redis_url: str, database_url: str, tmp_path: Path
) -> None:
    """Each on a port of its own; promtool finds no fault with names and help texts."""
    producer, worker, deliverer = free_port(), free_port(), free_port()
    with deployment(redis_url, database_url, tmp_path) as system:
        system.start_producer(metrics_port=producer)
        system.start_worker(metrics_port=worker, worker_delivers=False)
        system.start("deliverer", metrics_port=deliverer, webhook_secret_key=KEY)
        assert 201 == system.client.create("ada").status_code
        keyed = [system.client.add("ada", idempotency_key="one").json()["number"] for _ in range(2)]
        assert [1, 1] == keyed
        assert 404 == system.client.add("nobody").status_code
        add = {"command": "AddPhysicalKey", "userId": "ada", "orgId": "acme"}
        many = system.client.http.post("/commands", json=[add | {"idempotencyKey": "one"}, add, {}])
        assert [1, 2, None] == [one.get("result", {}).get("number") for one in many.json()]
        wait_until(lambda: _is_observed(deliverer), 20, what="the housekeeper's look")
        wait_until(lambda: ("keyledger_drains_awake", "0") in values(scrape(worker)), 20, what="a sweep")
        texts = [scrape(port) for port in (producer, worker, deliverer)]
        accepting, working, delivering = map(values, texts)
        assert {
            ("keyledger_commands_accepted_total", "CreateUser"): 1.0,
            ("keyledger_commands_accepted_total", "AddPhysicalKey"): 3.0,
            ("keyledger_commands_replayed_total",): 2.0,
            ("keyledger_command_answers_total", "201"): 1.0,
            ("keyledger_command_answers_total", "200"): 4.0,
            ("keyledger_command_answers_total", "404"): 1.0,
            ("keyledger_command_answers_total", "400"): 1.0,
            ("keyledger_answer_duration_seconds_count",): 6.0,
        }.items() <= accepting.items()
        assert {
            ("keyledger_commands_final_total", "CreateUser", "completed"): 1.0,
            ("keyledger_commands_final_total", "AddPhysicalKey", "completed"): 2.0,
            ("keyledger_commands_final_total", "AddPhysicalKey", "rejected"): 1.0,
            ("keyledger_lane_wait_seconds_count",): 4.0,
            ("keyledger_command_duration_seconds_count",): 4.0,
            ("keyledger_lanes_waiting_commands", "0"): 0.0,
        }.items() <= working.items()
        assert 1 <= working[("keyledger_commit_duration_seconds_count",)] <= 4
        assert {
            ("keyledger_dead_letters",): 0.0,
            ("keyledger_endpoints", "active"): 0.0,
            ("keyledger_relay_parked_events", "webhooks"): 0.0,
        }.items() <= delivering.items()
        promtool = needed_program("promtool")
        for text in texts:
            checked = subprocess.run(
                [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
            )
            ours = [line for line in checked.stdout.splitlines() if "keyledger" in line]
            assert [] == ours, checked.stdout


def _is_observed(port: int) -> bool:
    try:
        return ("keyledger_relay_lag_events", "stream") in values(scrape(port))
    except httpx.HTTPError:
        return False
