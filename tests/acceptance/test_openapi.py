"""The OpenAPI document is complete, and the running service keeps it."""

from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from keyledger.contract.commands import COMMANDS
from keyledger.producer.published.openapi import document
from tests.service import Client, Service

EXAMPLES = 25
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
    schemathesis.checks.not_a_server_error,
]


API: Any = schemathesis.openapi.from_dict(document("0"))
CASES = [
    pytest.param(operation, mode, id=f"{operation.label} {mode.value}")
    for operation in (found.ok() for found in API.get_all_operations())
    for mode in GenerationMode
    # An endpoint at an arbitrary URL would be sent real requests.
    if operation.label not in ("POST /webhooks", "PATCH /webhooks/{id}")
    # These take nothing, so nothing invalid can be sent to them.
    if mode is GenerationMode.POSITIVE
    or (operation.tags != ["service"] and operation.label != "GET /.well-known/webhook-keys")
]


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_the_service_keeps_its_document(service: Service, operation: Any, mode: GenerationMode) -> None:
    """Whatever is sent, valid or not: only statuses, headers and bodies that are written there."""
    headers = {"Authorization": f"Bearer {service.demo['token']}", "X-API-Key": service.demo["apiKey"]}

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def run(case: Any) -> None:
        response = case.call(base_url=service.url, headers=headers, timeout=40)
        case.validate_response(response, checks=CHECKS)

    run()


def test_the_document_has_every_command_status_and_error() -> None:
    """Every error of the contract, the security, the three examples of the public page."""
    made = document("1.2.3")
    assert ("3.1.0", "1.2.3") == (made["openapi"], made["info"]["version"])
    for command in COMMANDS:
        operation = made["paths"][f"/users/{{id}}/{command}"]["post"]
        expected = {"200", "202"} | {
            str(code) for code in (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503)
        }
        assert expected <= set(operation["responses"])
        assert {"id", "Idempotency-Key", "Prefer", "Callback-URL", "X-Request-Id", "traceparent"} == {
            parameter["name"] for parameter in operation["parameters"]
        }
    responses = made["paths"]["/users/{id}/AddPhysicalKey"]["post"]["responses"]
    for status in ("200", "400", "404"):
        assert responses[status]["content"]["application/json"]["examples"]
    assert [{"token": [], "apiKey": []}, {"token": []}, {"apiKey": []}] == made["security"]


def test_every_route_is_in_the_document(client: Client) -> None:
    """And nothing else."""
    from keyledger.producer.delivery_routes import DeliveryRoutes
    from keyledger.producer.read_routes import ReadRoutes
    from keyledger.producer.webhook_routes import WebhookRoutes

    made = client.http.get("/openapi.json").json()
    routes = ReadRoutes(None, None, None, None).routes()  # type: ignore[arg-type]
    routes |= WebhookRoutes(None, None, allows_private=False).routes()  # type: ignore[arg-type]
    routes |= DeliveryRoutes(None, None, source="").routes()  # type: ignore[arg-type]
    served = {path.replace("/commands/{id}", "/commands/{commandId}") for path in routes}
    files = {"/openapi.json", "/asyncapi.json", "/docs"}
    commands = {"/commands", *(f"/users/{{id}}/{command}" for command in COMMANDS)}
    assert served | files | commands == set(made["paths"])


def test_outcomes_of_many_commands_have_the_documents_shape(client: Client, user: str) -> None:
    """Its examples, and real ones: done, waiting, repeated, refused; the examples of items are good ones."""
    made = document("0")
    operation = made["paths"]["/commands"]["post"]
    content = [operation["requestBody"]["content"], operation["responses"]["200"]["content"]]
    (sent,), (told,) = (part["application/json"]["examples"].values() for part in content)
    named = {"userId": user, "orgId": client.org_id, "idempotencyKey": user}
    items = [item | {name: named[name] for name in named if name in item} for item in sent["value"]]
    done = client.http.post("/commands", json=[*items, items[0], {}]).json()
    assert [200, 200, 200, 400] == [outcome["code"] for outcome in done]
    promised = client.http.post(
        "/commands", json=[items[0] | {"idempotencyKey": "p"}], headers={"Prefer": "wait=0"}
    )
    for outcome in [*told["value"], *done, *promised.json()]:
        shape = {"$ref": "#/components/schemas/BulkOutcome", "components": made["components"]}
        jsonschema_rs.validate(shape, outcome)
    for item in items:
        shape = {"$ref": f"#/components/schemas/Bulk{item['command']}", "components": made["components"]}
        jsonschema_rs.validate(shape, item)
