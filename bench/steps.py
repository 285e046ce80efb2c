"""What the steps of one AddPhysicalKey cost that are Python of our own, each measured alone: warm
on a machine that does nothing else. In the service caches are colder, and each costs more.
"""

import os
import timeit
from collections.abc import Callable
from typing import Final

import orjson

from keyledger.contract.actors import Actor
from keyledger.contract.api_key import make_api_key, parse_api_key
from keyledger.contract.commands import fields_of, parse_command
from keyledger.contract.envelope import Envelope
from keyledger.contract.events import UserState
from keyledger.contract.outcomes import Answer, answer_body, encode_body
from keyledger.contract.strict_json import parse_json
from keyledger.ledger.batch import Decided
from keyledger.producer.drafting import make_envelope
from keyledger.worker.decisions import decide

COMMAND: Final = "AddPhysicalKey"
USER: Final = "bench-0001"
_RUNS, _REPEATS = 2_000, 7


def step_costs() -> dict[str, float]:
    """Microseconds of one command, by step; the best of several runs."""
    key, pepper = make_api_key(os.urandom(48)).text, os.urandom(32)
    body = b'{"orgId":"example_string","orgName":"Bench","note":"bench"}'
    actor = Actor("key:bench", organisation="example_string")
    fields = fields_of(parse_command(COMMAND, parse_json(body)))
    envelope = make_envelope(actor, USER, COMMAND, fields, None)
    raw, state = envelope.encode(), UserState(USER, version=2, last_number=1, last_event_ms=1)
    outcome = decide(state, envelope, 2)
    decided = Decided(envelope, outcome, envelope.id, 2, None, 1)

    def check_key() -> None:
        known = parse_api_key(key)
        assert known is not None
        known.digest(pepper)

    def decide_one() -> None:
        made = decide(state, envelope, 2)
        assert made.event is not None
        state.apply(made.event)

    def answer() -> None:
        made = encode_body(answer_body(COMMAND, USER, outcome))
        Answer.decode(Answer(envelope.id, 200, made).encode())

    return {
        "API key: form, checksum, digest": _us(check_key),
        "JSON read, validated": _us(lambda: fields_of(parse_command(COMMAND, parse_json(body)))),
        "id, fingerprint, envelope written": _us(
            lambda: make_envelope(actor, USER, COMMAND, fields, None).encode()
        ),
        "envelope read": _us(lambda: Envelope.decode(raw)),
        "decided": _us(decide_one),
        "rows for SQL": _us(
            lambda: [
                orjson.dumps(row) for row in (decided.event_row, decided.command_row, decided.added_key_row)
            ]
        ),
        "answer written and read": _us(answer),
    }


def _us(step: Callable[[], object]) -> float:
    return min(timeit.repeat(step, number=_RUNS, repeat=_REPEATS)) / _RUNS * 1e6
