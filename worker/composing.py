"""From a delivery to the request that is sent: the endpoint's URL, the signed headers, the body.

What an endpoint's requests have in common, its URL taken apart and its secrets decrypted, is made once and
kept until its row changes. No clock: the time of the attempt is an argument.
"""

import os
from dataclasses import dataclass
from typing import Final

from psycopg_pool import AsyncConnectionPool

from keyledger.contract.endpoint_url import EndpointUrl, parse_endpoint_url
from keyledger.contract.outcomes import encode_body
from keyledger.contract.signature import SEED_BYTES, signature_headers
from keyledger.contract.webhook_body import CONTENT_TYPES, webhook_document
from keyledger.ledger.delivery import Delivery, DueEndpoint
from keyledger.ledger.sealing import Sealing
from keyledger.ledger.signing_keys import list_signing_keys

URLS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Composed:
    """A request, but for what every request has."""

    url: EndpointUrl
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Opened:
    """An endpoint's secrets, and from which row they are."""

    sealed: tuple[bytes, bytes | None]
    secret: str
    old_secret: str | None


class Composing:
    """Makes requests of deliveries."""

    def __init__(self, sealing: Sealing, *, source: str, allows_private: bool) -> None:
        self._sealing = sealing
        self._source = source
        self._allows_private = allows_private
        self._opened: dict[str, _Opened] = {}
        self._urls: dict[str, EndpointUrl] = {}
        self._signing_key: tuple[int, str] | None = None

    async def look_for_signing_key(self, pool: AsyncConnectionPool) -> None:
        """Sign with the newest key where an endpoint asks for `v1a`. Raises CannotUnseal."""
        newest = (await list_signing_keys(pool, self._sealing, os.urandom(SEED_BYTES)))[-1]
        self._signing_key = newest.number, self._sealing.unseal(newest.key)

    def open(self, endpoint: DueEndpoint) -> None:
        """Decrypt the endpoint's secrets, if that is not done. Raises CannotUnseal."""
        sealed = (endpoint.secret, endpoint.old_secret)
        opened = self._opened.get(endpoint.id)
        if opened is None or opened.sealed != sealed:
            old = None if endpoint.old_secret is None else self._sealing.unseal(endpoint.old_secret)
            self._opened[endpoint.id] = _Opened(sealed, self._sealing.unseal(endpoint.secret), old)

    def compose(self, endpoint: DueEndpoint, delivery: Delivery, now_ms: int) -> Composed:
        """The request of an attempt that is made now, for an endpoint that is open. ValueError when its URL
        may not be delivered to any more."""
        opened = self._opened[endpoint.id]
        secrets = [opened.secret]
        if opened.old_secret is not None and now_ms < endpoint.old_secret_until_ms:
            secrets.append(opened.old_secret)
        key_headers = {}
        if "v1a" in endpoint.signatures and self._signing_key is not None:
            number, signing_key = self._signing_key
            secrets.append(signing_key)
            key_headers["webhook-key-id"] = str(number)
        url = self._parsed(delivery.url or endpoint.url)
        body = encode_body(webhook_document(delivery.event, delivery.previous, endpoint.format, self._source))
        headers = signature_headers(delivery.event.id, now_ms // 1000, body, secrets)
        headers |= {"content-type": CONTENT_TYPES[endpoint.format], **key_headers}
        return Composed(url, headers, body)

    def _parsed(self, text: str) -> EndpointUrl:
        url = self._urls.get(text)
        if url is None:
            allowed = self._allows_private
            url = parse_endpoint_url(text, allows_http=allowed, allows_private=allowed)
            if len(self._urls) >= URLS_MAX:
                self._urls.clear()
            self._urls[text] = url
        return url
