"""What a webhook receiver is tried with, and what is right: a harmless series of events, each with a verdict.

The events are about an endpoint, `EndpointTested`: no user, no key. What happens inside a receiver cannot
be seen from outside, so that a duplicate had no second effect is for its owner to look at. Pure: cases are
made from a time, ids and a secret; sending them is `cli.receiver_check`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from keyledger.contract.events import ENDPOINT_TESTED
from keyledger.contract.logged_event import LoggedEvent, endpoint_subject
from keyledger.contract.signature import make_secret, signature_headers
from keyledger.contract.webhook_body import CONTENT_TYPES, webhook_document

SOURCE: Final = "keyledger-check"
STALE_S: Final = 3_600
LARGE_BYTES: Final = 60_000
SLOW_S: Final = 2.0
TIMEOUT_S: Final = 15.0
LATE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Case:
    """One request. `is_accepted` is what is right: 2xx, or a refusal, 4xx; `again_is_right`: a 5xx, too."""

    name: str
    advice: str
    body: bytes
    headers: dict[str, str]
    is_accepted: bool = True
    again_is_right: bool = False
    over_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What a receiver did: a status, or why there is none, and after how long."""

    status: int | None
    error: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case and whether what came was right."""

    name: str
    is_right: bool
    came: str
    took_ms: int
    advice: str
    webhook_id: str


@dataclass
class Series:
    """All cases, for an endpoint and its secret. `new_id` makes ids of events."""

    secret: str
    endpoint_id: str
    now_ms: int
    new_id: Callable[[], str]
    _other: str = field(default=make_secret(b"nobody's secret, 32 bytes long !"))

    def cases(self) -> Iterator[Case]:
        """In the order in which they are sent."""
        first, missed, early = self.new_id(), self.new_id(), self.new_id()
        plain = self._body(first)
        yield self._case("a signed event", "Answer 2xx to what is signed with the secret.", first, plain)
        yield self._case(
            "the same again", "A repetition is answered 2xx and has no second effect.", first, plain
        )
        yield self._case(
            "one whose predecessor has not come",
            "Take it and fetch what is missing, or answer 5xx to have it sent again; do not refuse it.",
            early, self._body(early, previous=missed), again_is_right=True,
        )  # fmt: skip
        yield self._case(
            "the predecessor, late",
            "What comes late is taken, too.",
            missed,
            self._body(missed, previous=first),
        )
        for words, seconds in (("an hour old", -STALE_S), ("of the next hour", STALE_S)):
            yield self._case(
                f"a timestamp {words}", "Refuse timestamps more than five minutes away: it may be a replay.",
                *self._event(), is_accepted=False, seconds=seconds,
            )  # fmt: skip
        yield self._case(
            "signed with another secret", "Compare the signature before anything else.",
            *self._event(), is_accepted=False, secrets=[self._other],
        )  # fmt: skip
        id_, body = self._event()
        signed = self._case("a body changed after it was signed", "Sign the bytes as they came.", id_, body)
        yield Case(signed.name, signed.advice, body + b" ", signed.headers, is_accepted=False)
        headers = {name: value for name, value in signed.headers.items() if name != "webhook-signature"}
        yield Case("no signature", "Refuse what is not signed.", body, headers, is_accepted=False)
        yield self._case(
            "two signatures, the second one fits",
            "Look at every entry of webhook-signature: there are two while a secret is rotated.",
            *self._event(), secrets=[self._other, self.secret],
        )  # fmt: skip
        id_, body = self._event()
        other = self._case(
            "a signature of a kind you do not know", "Pass over entries that are not v1.", id_, body
        )
        listed = f"v9,AAAA {other.headers['webhook-signature']}"
        yield Case(other.name, other.advice, body, other.headers | {"webhook-signature": listed})
        yield self._case(
            "a type and members you do not know", "Answer 2xx to types you do not know: new ones will come.",
            *self._event(type="SomethingNew", extension="x"),
        )  # fmt: skip
        yield self._case("a large body", "Take bodies of 64 KiB.", *self._event(padding="x" * LARGE_BYTES))
        slow = self._case("a slow sender", "Wait for the body: networks stall.", *self._event())
        yield Case(slow.name, slow.advice, slow.body, slow.headers, over_s=SLOW_S)

    def _event(self, **members: Any) -> tuple[str, bytes]:
        id_ = self.new_id()
        return id_, self._body(id_, **members)

    def _body(self, id_: str, previous: str | None = None, padding: str = "", **members: Any) -> bytes:
        data = {"endpointId": self.endpoint_id} | ({"padding": padding} if padding else {})
        subject = endpoint_subject(self.endpoint_id)
        event = LoggedEvent(0, id_, subject, None, ENDPOINT_TESTED, data, None, None, self.now_ms)
        document = webhook_document(event, previous, "cloudevents", SOURCE) | members
        return json.dumps(document, separators=(",", ":")).encode()

    def _case(
        self,
        name: str,
        advice: str,
        id_: str,
        body: bytes,
        *,
        is_accepted: bool = True,
        again_is_right: bool = False,
        seconds: int = 0,
        secrets: list[str] | None = None,
    ) -> Case:
        signed = signature_headers(id_, self.now_ms // 1000 + seconds, body, secrets or [self.secret])
        headers = {"content-type": CONTENT_TYPES["cloudevents"], **signed}
        return Case(name, advice, body, headers, is_accepted, again_is_right)


def judged(case: Case, answered: Answered) -> Verdict:
    """Whether an answer is right, and what to do if it is not."""
    status, advice = answered.status, case.advice
    if status is None:
        is_right, came, advice = False, answered.error, f"Answer within {TIMEOUT_S:.0f} s. {advice}"
    elif 300 <= status < 400:
        is_right, came, advice = False, f"redirect {status}", "Redirects are not followed: answer yourself."
    else:
        is_again = case.again_is_right and status >= 500
        is_right = 200 <= status < 300 or is_again if case.is_accepted else 400 <= status < 500
        came = f"{status}, to be sent again" if is_again else str(status)
    if is_right and case.over_s + LATE_S < answered.took_s:
        is_right, advice = False, "Answer first and work later: it took too long."
    took_ms = round(answered.took_s * 1000)
    return Verdict(case.name, is_right, came, took_ms, "" if is_right else advice, case.headers["webhook-id"])
