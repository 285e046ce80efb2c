"""One trace from the HTTP request through the lane to the webhook, as a collector sees it."""

from dataclasses import asdict
from pathlib import Path

from keyledger.cli.embedded.server_process import ServerProcess, free_port
from tests.collector import CollectedSpan, collector
from tests.deployment import Deployment, deployment
from tests.receiver import Receiver, receiver
from tests.waiting import wait_until

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
USER = "grace-hopper"
HOOKS = {"webhook_secret_key": "k" * 32, "webhook_allows_private": "true"}


def start(system: Deployment, inbox: Receiver, **settings: object) -> list[ServerProcess]:
    """A producer and a worker, and an endpoint that is told everything."""
    processes = [system.start_producer(**HOOKS, **settings), system.start_worker(**HOOKS, **settings)]
    assert 201 == system.client.http.post("/webhooks", json={"url": inbox.url, "events": ["*"]}).status_code
    return processes


def stop(processes: list[ServerProcess]) -> None:
    for process in processes:
        process.ask_to_stop()
    for process in processes:
        wait_until(lambda process=process: process.exit_code is not None)  # type: ignore[misc]


def test_one_trace_leads_from_the_request_through_the_lane_to_the_webhook(
    redis_url: str, database_url: str, tmp_path: Path
) -> None:
    """Under the client's own span; the batch is a trace of its own, linked both ways."""
    with (
        collector() as collected,
        receiver() as inbox,
        deployment(redis_url, database_url, tmp_path) as system,
    ):
        processes = start(system, inbox, otlp_url=collected.url)
        assert 201 == system.client.create(USER, traceparent=TRACEPARENT).status_code
        wait_until(lambda: inbox.came)
        stop(processes)
        request = collected.named("POST /users/{id}/CreateUser")
        assert (TRACE, CALLER, "keyledger-producer") == (request.trace_id, request.parent_id, request.service)
        assert "201" == request.attributes["http.response.status_code"]
        parts = [collected.named(name) for name in ("lane", "process CreateUser", "deliver UserCreated")]
        assert [(TRACE, request.span_id)] * 3 == [(part.trace_id, part.parent_id) for part in parts]
        assert "completed" == parts[1].attributes["keyledger.outcome"]
        batch = collected.named("drain")
        assert [(TRACE, request.span_id)] == batch.links
        assert [(batch.trace_id, batch.span_id)] == parts[1].links
        assert TRACE != batch.trace_id
        assert f"00-{TRACE}-{parts[2].span_id}-01" == inbox.came[0].headers["traceparent"]
        assert all(0 <= span.lasted_ns < 20_000_000_000 for span in collected.spans)
        assert [] == [span for span in collected.spans if tells_who(span, system)]


def tells_who(span: CollectedSpan, system: Deployment) -> bool:
    """Is there a user or a credential in it?"""
    return USER in str(asdict(span)) or system.client.http.headers["x-api-key"] in str(asdict(span))


def test_a_trace_that_its_client_does_not_record_is_not_recorded_here(
    redis_url: str, database_url: str, tmp_path: Path
) -> None:
    """But handed on, unrecorded, to the receiver. What begins here is recorded, an error as one."""
    with (
        collector() as collected,
        receiver() as inbox,
        deployment(redis_url, database_url, tmp_path) as system,
    ):
        processes = start(system, inbox, otlp_url=collected.url)
        system.client.create(USER, traceparent=f"00-{TRACE}-{CALLER}-00")
        wait_until(lambda: inbox.came)
        system.client.http.post(f"/users/{USER}/AddPhysicalKey", json={})
        many = system.client.http.post("/commands", json=[{}, {}], headers={"traceparent": TRACEPARENT})
        assert [400, 400] == [outcome["code"] for outcome in many.json()]
        stop(processes)
        assert inbox.came[0].headers["traceparent"].startswith(f"00-{TRACE}-")
        assert inbox.came[0].headers["traceparent"].endswith("-00")
        refused = collected.named("POST /users/{id}/AddPhysicalKey")
        assert (TRACE, "400") != (refused.trace_id, refused.attributes["http.response.status_code"])
        asked = collected.named("POST /commands")
        assert (TRACE, CALLER, "2") == (
            asked.trace_id,
            asked.parent_id,
            asked.attributes["messaging.batch.message_count"],
        )
        assert [refused.name, asked.name] == [span.name for span in collected.spans]


def test_without_a_collector_commands_go_on_and_the_trace_is_handed_on(
    redis_url: str, database_url: str, tmp_path: Path
) -> None:
    """Off, or the collector is away: the receiver is told the trace; what is none is not handed on."""
    with receiver() as inbox, deployment(redis_url, database_url, tmp_path) as system:
        system.start_producer(**HOOKS, otlp_url=f"http://127.0.0.1:{free_port()}")
        system.start_worker(**HOOKS)
        made = system.client.http.post("/webhooks", json={"url": inbox.url, "events": ["*"]})
        assert 201 == made.status_code
        assert 201 == system.client.create(USER, traceparent=TRACEPARENT).status_code
        wait_until(lambda: inbox.came)
        assert inbox.came[0].headers["traceparent"].startswith(f"00-{TRACE}-")
    with receiver() as inbox, deployment(redis_url, database_url, tmp_path) as system:
        start(system, inbox)
        system.client.add(USER, traceparent=TRACEPARENT)
        system.client.add(USER, traceparent="00-nonsense-01")
        wait_until(lambda: len(inbox.came) == 2)
        assert [TRACEPARENT, None] == [came.headers.get("traceparent") for came in inbox.came]
