"""From a delivery to the request that is sent: the endpoint's URL, the signed headers, the body.

What an endpoint's requests have in common, its URL taken apart and its secrets decrypted, is made once and
kept until its row changes. No clock: the time of the attempt is an argument.
"""

from dataclasses import dataclass

from keyledger.contract.endpoint_url import EndpointUrl, parse_endpoint_url
from keyledger.contract.outcomes import encode_body
from keyledger.contract.signature import signature_headers
from keyledger.contract.webhook_body import CONTENT_TYPES, webhook_document
from keyledger.ledger.delivery import Delivery, DueEndpoint
from keyledger.ledger.sealing import Sealing


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
        self._urls: dict[str, tuple[str, EndpointUrl]] = {}

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
        url = self._parsed(endpoint)
        body = encode_body(webhook_document(delivery.event, delivery.previous, endpoint.format, self._source))
        headers = signature_headers(delivery.event.id, now_ms // 1000, body, secrets)
        headers["content-type"] = CONTENT_TYPES[endpoint.format]
        return Composed(url, headers, body)

    def _parsed(self, endpoint: DueEndpoint) -> EndpointUrl:
        text, url = self._urls.get(endpoint.id, ("", None))
        if url is None or text != endpoint.url:
            url = parse_endpoint_url(
                endpoint.url, allows_http=self._allows_private, allows_private=self._allows_private
            )
            self._urls[endpoint.id] = (endpoint.url, url)
        return url
