"""The client's rules, without a server: when it repeats, what it makes of answers, what it verifies."""

import base64
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.signature import make_secret, signature_headers
from keyledger_client import (
    Client,
    Command,
    Refused,
    RetryPolicy,
    Unavailable,
    Unknown,
    WebhookVerifier,
    WrongSignature,
)
from keyledger_client.conversing import Ask, Circumstances, Heard, Pause, Silence, Talk, command
from keyledger_client.many import send_many
from keyledger_client.retrying import parse_retry_after

NOW_S = 1_795_500_000
BODY = b'{"type": "PhysicalKeyAdded", "data": {"number": 1}}'
DONE = {"success": True, "aggregateId": "ada", "version": 2, "event": {"type": "X", "data": {"number": 1}}}


class Clock:
    """Goes as far as pauses are long."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def hold(
    make: Callable[[Circumstances], Talk[Any]], answers: Sequence[Heard | Silence]
) -> tuple[Any, list[Any]]:
    """Hold a conversation; returns its result, or what it raised, and all it asked and paused."""
    clock = Clock()
    talk = make(Circumstances(clock, lambda: NOW_S, lambda: 1.0, RetryPolicy(tries=4, total_s=30)))
    steps: list[Any] = []
    heard: Heard | Silence | None = None
    left = iter(answers)
    try:
        while True:
            step = talk.send(heard)
            steps.append(step)
            if isinstance(step, Pause):
                clock.now_s += step.length_s
                heard = None
            else:
                heard = next(left)
    except StopIteration as end:
        return end.value, steps
    except (Refused, Unavailable, Unknown) as error:
        return error, steps


def add(given: Circumstances, wait_s: float = 10.0) -> Talk[Any]:
    return command("a/b", "AddPhysicalKey", {"orgId": "acme"}, given, idempotency_key=None, wait_s=wait_s)


def answer(status: int, body: Any = None, **headers: str) -> Heard:
    return Heard(status, {name.replace("_", "-"): text for name, text in headers.items()}, body)


def test_every_repetition_has_the_same_key_and_the_path_keeps_ids_whole() -> None:
    """So that the command is done once, whichever request arrived."""
    answers: list[Heard | Silence] = [Silence("timeout"), answer(503), answer(200, DONE, command_id="c")]
    done, steps = hold(add, answers)
    asks = [step for step in steps if isinstance(step, Ask)]
    assert (1, "c") == (done.number, done.command_id)
    assert 1 == len({ask.headers["Idempotency-Key"] for ask in asks})
    assert {"/users/a%2Fb/AddPhysicalKey"} == {ask.path for ask in asks}


def test_what_the_server_says_is_waited_and_otherwise_pauses_double() -> None:
    """By seconds or by date."""
    answers: list[Heard | Silence] = [
        answer(429, retry_after="7"),
        answer(503),
        Silence("x"),
        answer(200, DONE),
    ]
    _, steps = hold(add, answers)
    assert [7.0, 0.4, 0.8] == [step.length_s for step in steps if isinstance(step, Pause)]


def test_a_command_of_unknown_fate_says_how_to_go_on() -> None:
    """After all tries: with its key."""
    error, steps = hold(add, [Silence("timeout")] * 4)
    assert isinstance(error, Unknown)
    assert steps[0].headers["Idempotency-Key"] == error.idempotency_key


def test_a_promise_is_followed_until_it_is_kept() -> None:
    """A 202 is asked for by its id; a rejection of it is raised."""
    queued = {"commandId": "c", "command": "X", "userId": "a", "status": "queued", "acceptedAt": 1}
    rejected = queued | {"status": "rejected", "completedAt": 2, "error": {"code": 409, "message": "no"}}
    answers = [answer(202, queued, command_id="c"), answer(200, queued), answer(200, rejected)]
    error, steps = hold(add, answers)
    assert isinstance(error, Refused)
    assert (409, "c", "/commands/c") == (error.code, error.command_id, steps[1].path)


def test_a_command_that_failed_for_good_is_refused_and_not_repeated() -> None:
    """A 500 with its id is an outcome; one without is trouble of the service, which may pass."""
    body = {"code": 500, "message": "The command was given up"}
    error, steps = hold(add, [answer(500, body, command_id="c")])
    assert (Refused, 1) == (type(error), len(steps))
    assert (500, "c") == (error.code, error.command_id)
    done = answer(200, DONE, command_id="d")
    assert "d" == hold(add, [answer(500, body), done])[0].command_id


def test_what_was_accepted_is_unknown_when_its_outcome_cannot_be_asked_for() -> None:
    """Never unavailable, which says that nothing was done."""
    error, _ = hold(add, [answer(202, {}, command_id="c"), *[Silence("timeout")] * 4])
    assert (Unknown, "c") == (type(error), error.command_id)


def test_who_does_not_wait_is_told_that_it_is_accepted() -> None:
    """With the id to ask for."""
    accepted, steps = hold(lambda given: add(given, 0), [answer(202, {}, command_id="c")])
    assert ("c", "respond-async") == (accepted.command_id, steps[0].headers["Prefer"])


def test_what_is_refused_is_not_repeated_and_names_the_fields() -> None:
    """Whatever the body is."""
    body = {"code": 400, "message": "bad", "details": [{"field": "note", "message": "is too long"}]}
    error, steps = hold(add, [answer(400, body)])
    assert ("400: bad (note is too long)", 1) == (str(error), len(steps))
    assert isinstance(hold(add, [answer(404, None)])[0], Refused)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None), ("5", 5.0), (" 0 ", 0.0), ("-1", None), ("soon", None), ("1" * 12, None), ("", None),
        ("Tue, 24 Nov 2026 06:00:10 GMT", 10.0), ("Tue, 24 Nov 2020 06:00:10 GMT", 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms(text: str | None, expected: float | None) -> None:
    """RFC 9110: seconds or a date; nonsense is none."""
    assert expected == parse_retry_after(text, NOW_S)


@given(st.integers(1, 50), st.floats(0, 100), st.floats(0, 1), st.none() | st.floats(0, 100))
def test_pauses_are_bounded(tried: int, spent_s: float, chance: float, retry_after_s: float | None) -> None:
    """In number, in length, and in all."""
    policy = RetryPolicy(tries=5, total_s=20, first_pause_s=0.2, longest_pause_s=3)
    pause_s = policy.pause_s(tried, spent_s, chance, retry_after_s)
    if pause_s is not None:
        assert tried < 5
        assert 0 <= pause_s <= (3 if retry_after_s is None else retry_after_s)
        assert spent_s + pause_s <= 20


def test_credentials_are_in_no_repr_and_one_is_needed() -> None:
    """They end in logs otherwise."""
    client = Client("http://x", api_key="kl_secret", token="jwt_secret")
    assert "secret" not in repr(client)
    client.close()
    with pytest.raises(ValueError, match="api_key"):
        Client("http://x")


OLD, NEW = make_secret(b"o" * 32), make_secret(b"n" * 32)


def verified(headers: dict[str, str], body: bytes = BODY, now_s: float = NOW_S) -> Any:
    return WebhookVerifier([NEW, OLD], clock_s=lambda: float(now_s)).verify(headers, body)


@pytest.mark.parametrize("secrets", [[OLD], [NEW], [OLD, NEW], [make_secret(b"x" * 32), NEW]])
def test_a_webhook_is_known_by_any_of_its_secrets(secrets: list[str]) -> None:
    """While one is rotated both sign; header names in any case."""
    headers = {name.title(): text for name, text in signature_headers("e", NOW_S, BODY, secrets).items()}
    assert ("PhysicalKeyAdded", {"number": 1}, "e") == (
        (event := verified(headers)).type, event.data, event.id,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "body", "now_s"),
    [
        ({}, BODY + b" ", NOW_S),
        ({"webhook-id": "f"}, BODY, NOW_S),
        ({"webhook-timestamp": str(NOW_S + 1)}, BODY, NOW_S),
        ({}, BODY, NOW_S + 301),
        ({}, BODY, NOW_S - 301),
        ({"webhook-signature": "v1,"}, BODY, NOW_S),
        ({"webhook-signature": ""}, BODY, NOW_S),
        ({"webhook-timestamp": "soon"}, BODY, NOW_S),
        ({"webhook-timestamp": "9" * 400}, BODY, NOW_S),
    ],
)
def test_a_webhook_that_was_changed_or_is_old_is_refused(
    changed: dict[str, str], body: bytes, now_s: float
) -> None:
    """Any part of it."""
    headers = signature_headers("e", NOW_S, BODY, [NEW]) | changed
    with pytest.raises(WrongSignature):
        verified(headers, body, now_s)


def make_short_secret() -> str:
    """Of too few bytes to be one."""
    return "whsec_" + base64.b64encode(b"s" * 23).decode()


def test_another_secret_or_none_is_refused() -> None:
    """A verifier without a secret would accept everything."""
    with pytest.raises(WrongSignature):
        verified(signature_headers("e", NOW_S, BODY, [make_secret(b"y" * 32)]))
    refused: list[str | list[str]] = [[], "secret", "whsec_?", "whsec_", make_short_secret()]
    for wrong in refused:
        with pytest.raises(ValueError, match="secret"):
            WebhookVerifier(wrong)


def item(code: int, **members: Any) -> dict[str, Any]:
    return {"commandId": "c", "code": code, **({"result": DONE} if code == 200 else {}), **members}


def many(count: int, wait_s: float = 10.0) -> Callable[[Circumstances], Talk[Any]]:
    commands = [Command.add_physical_key(f"u{number}", "acme") for number in range(count)]
    return lambda given: send_many(commands, given, wait_s=wait_s)


def test_of_many_only_what_is_not_settled_is_repeated_with_its_key() -> None:
    """As the service asks, or after a second for what was accepted: that is not called repeated."""
    answers = [
        answer(200, [item(200), item(202), {"code": 429, "retryAfter": 3}, {"code": 400, "error": {}}]),
        answer(200, [item(200, isReplayed=True), item(200)]),
    ]
    found, steps = hold(many(4), answers)
    assert [200, 200, 200, 400] == [getattr(one, "code", 200) for one in found]
    assert [False] * 3 == [one.is_replayed for one in found[:3]]
    asks: list[Any] = [step for step in steps if isinstance(step, Ask)]
    keys = [[sent["idempotencyKey"] for sent in ask.body] for ask in asks]
    assert keys[0][1:3] == keys[1]
    assert [3.0] == [step.length_s for step in steps if isinstance(step, Pause)]


def test_of_many_each_has_an_outcome_however_it_ends() -> None:
    """No answer, a refusal of the whole, a wait that ends, no wait at all."""
    unheard, _ = hold(many(2), [Silence("timeout")] * 4)
    assert [Unknown, Unknown] == [type(one) for one in unheard]
    refused, _ = hold(many(2), [answer(401, {"message": "no"})])
    assert [401, 401] == [one.code for one in refused]
    late, _ = hold(many(1, wait_s=1.5), [answer(200, [item(202)])] * 3)
    assert (Unknown, "c") == (type(late[0]), late[0].command_id)
    busy, _ = hold(many(1), [answer(200, [{"code": 503}])] * 4)
    assert (Unknown, None) == (type(busy[0]), busy[0].command_id)
    accepted, steps = hold(many(1, wait_s=0), [answer(200, [item(202)])])
    assert ("c", "respond-async") == (accepted[0].command_id, steps[0].headers["Prefer"])


def test_no_request_of_many_is_larger_than_the_service_takes() -> None:
    """In number and in bytes."""
    sizes: list[int] = []
    commands = [Command.add_physical_key("u", "acme", note="\N{KEY}" * 400) for _ in range(2_500)]
    talk = send_many(commands, Circumstances(Clock(), Clock(), Clock(), RetryPolicy()), wait_s=9)
    heard: Heard | None = None
    with suppress(StopIteration):
        while True:
            step: Any = talk.send(heard)
            assert len(json.dumps(step.body, ensure_ascii=False).encode()) < 1024 * 1024
            sizes.append(len(step.body))
            heard = answer(200, [item(200)] * sizes[-1])
    assert 2_500 == sum(sizes)
    assert max(sizes) <= 1_000
