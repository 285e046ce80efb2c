"""`python -m bench.http_only`: our producer process without the queue behind it.

Server, authentication, validation and rights are the producer's own; a command that passes them all is
answered at once, with a body as long as a worker's.
"""

import time
from typing import Final

import uvloop

from keyledger.cli.configured import process_settings
from keyledger.contract.envelope import Envelope
from keyledger.contract.events import PHYSICAL_KEY_ADDED, Event
from keyledger.contract.interpreter import settle_interpreter
from keyledger.contract.logs import configure_logging
from keyledger.contract.outcomes import Answer, answer_body, completed, encode_body
from keyledger.lanes.intake import Rate
from keyledger.producer.preferences import Preferences
from keyledger.producer.process import Producer
from keyledger.producer.submitting import Submitted

from .load import user_id

NUMBER: Final = 100


def sample_body() -> bytes:
    """What a worker would send for one of the benchmark's commands."""
    now_ms = time.time_ns() // 1_000_000
    user, fields = user_id(1), {"orgId": "example_string", "orgName": "Bench", "note": "bench"}
    data = {"userId": user, "number": NUMBER, **fields, "addedAt": now_ms}
    event = Event(PHYSICAL_KEY_ADDED, data, fields["orgId"], now_ms)
    return encode_body(answer_body("AddPhysicalKey", user, completed(NUMBER + 1, event)))


async def serve() -> None:
    """Serve until SIGTERM or SIGINT."""
    body = sample_body()

    async def answer(
        envelope: Envelope, *, is_keyed: bool, rate: Rate | None, preferences: Preferences
    ) -> Submitted:
        del is_keyed, rate, preferences
        return Submitted(Answer(envelope.id, 200, body), is_replayed=False)

    producer = Producer(process_settings(), {})
    # All else is the process that people run: only what would go into a lane is answered here.
    producer.submitting.submit = answer  # type: ignore[method-assign]
    await producer.serve()


if __name__ == "__main__":
    settle_interpreter()
    configure_logging(process_settings())
    uvloop.run(serve())
