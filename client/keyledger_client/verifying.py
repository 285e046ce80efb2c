"""Was this webhook sent by who knows our secret? Standard Webhooks 1.0.0, `v1` (HMAC-SHA-256)."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from .errors import WrongSignature
from .results import Event

TOLERANCE_S: Final = 300.0
KEY_BYTES_MIN: Final = 24
KEY_BYTES_MAX: Final = 64
_PREFIX: Final = "whsec_"


class WebhookVerifier:
    """Verifies with any of several secrets, as there are two while one is rotated."""

    def __init__(
        self,
        secrets: str | Sequence[str],
        *,
        tolerance_s: float = TOLERANCE_S,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        """`secrets` begin with `whsec_`. Raises ValueError for one that cannot be a secret."""
        given = [secrets] if isinstance(secrets, str) else list(secrets)
        if not given:
            raise ValueError("a verifier needs a secret")
        self._keys = [_key(secret) for secret in given]
        self._tolerance_s = tolerance_s
        self._clock_s = clock_s

    def verify(self, headers: Mapping[str, str], body: bytes) -> Event:
        """The event of a webhook, from its headers (in any case) and its body as it came.

        Raises WrongSignature. The event's `id` tells repetitions: drop those you have seen.
        """
        named = {name.lower(): value for name, value in headers.items()}
        try:
            id_, timestamp = named["webhook-id"], named["webhook-timestamp"]
            signatures, at_s = named["webhook-signature"].split(), float(int(timestamp))
        except (KeyError, ValueError, OverflowError) as error:
            raise WrongSignature("a header of the signature is missing or is no number") from error
        if abs(self._clock_s() - at_s) > self._tolerance_s:
            raise WrongSignature("it was signed too long ago, or one of the clocks is wrong")
        signed = b"%b.%b.%b" % (id_.encode(), timestamp.encode(), body)
        expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in self._keys]
        sent = [one.removeprefix("v1,").encode() for one in signatures if one.startswith("v1,")]
        if not any(hmac.compare_digest(one, other) for one in expected for other in sent):
            raise WrongSignature("no signature fits any of the secrets")
        return _event(id_, body)


def _key(secret: str) -> bytes:
    try:
        if not secret.startswith(_PREFIX):
            raise ValueError
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
            raise ValueError
    except ValueError:
        raise ValueError(
            f"a secret is {_PREFIX} and the base64 of {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes"
        ) from None
    return key


def _event(id_: str, body: bytes) -> Event:
    try:
        content = json.loads(body)
        if "detail" in content:
            data = {name: value for name, value in content["detail"]["data"].items() if name != "type"}
            return Event(str(content["detail-type"]), data, id_)
        return Event(str(content["type"]), dict(content.get("data") or {}), id_)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise WrongSignature("its body is no event") from error
