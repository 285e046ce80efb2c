"""Which URLs may be endpoints, and which addresses may be dialled for them.

Guarantee: an address that `refusal` lets pass is a public unicast address, in whatever notation it came.
The URL is checked when it is stored and before each attempt, the address where it is dialled: a name's
addresses are nobody's promise. The networks are those of the IANA special-purpose address registries for
IPv4 and IPv6 (RFC 6890 and its updates).
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

URL_MAX: Final = 2_048
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_VISIBLE_ASCII: Final = re.compile(r"[\x21-\x7e]+")
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_ENDS_IN_NUMBER: Final = re.compile(r"(.*\.)?(0x[0-9a-f]*|\d+)", re.ASCII)
"""Lenient parsers read such a host as an IPv4 address; no top-level domain is a number."""
_AFTER_BRACKET: Final = re.compile(r"(:\d*)?", re.ASCII)
_INTERNAL_ENDINGS: Final = (".localhost", ".local", ".internal", ".home.arpa")

REFUSED: Final = tuple(
    (ipaddress.ip_network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared between carriers"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local, metadata services"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relays"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved, broadcast"),
        ("::/96", "unspecified, loopback, IPv4-compatible"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64, local use"),
        ("100::/64", "discard-only"),
        ("100:0:0:1::/64", "dummy prefix"),
        ("2001::/23", "protocol assignments, Teredo"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "unique-local"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
"""Network and why it is refused."""
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")


@dataclass(frozen=True, slots=True)
class EndpointUrl:
    """A URL taken apart. `host` is ASCII and lower case, an IPv6 address without brackets."""

    text: str
    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> str:
        """Scheme, host, and port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (
            "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        )


def refusal(address: str) -> str | None:
    """Why this IP address may not be dialled; None if it may."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "not an IP address"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.scope_id is not None:
        return "link-local, scoped"
    for network, reason in REFUSED:
        if parsed in network:
            return reason
    if isinstance(parsed, ipaddress.IPv6Address) and parsed not in _GLOBAL_UNICAST:
        return "not global unicast"
    return None


def parse_endpoint_url(text: str, *, allows_http: bool, allows_private: bool) -> EndpointUrl:
    """The URL's parts. ValueError says what is wrong with it and what to do."""
    if len(text) > URL_MAX:
        raise ValueError(f"must have at most {URL_MAX} characters")
    if not _VISIBLE_ASCII.fullmatch(text) or "\\" in text:
        raise ValueError(
            "must be visible ASCII without backslashes: write the host as xn--…, percent-encode the rest"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("must be a URL with a host and a port from 1 to 65535") from None
    if parts.scheme not in _DEFAULT_PORTS or (parts.scheme == "http" and not allows_http):
        raise ValueError("must start with https://")
    if parts.netloc.rpartition("@")[1]:
        raise ValueError("must not contain a user name or password: the signature tells who sends")
    if "#" in text:
        raise ValueError("must not contain a fragment (#…): it would not be sent")
    if port == 0:
        raise ValueError("must be a URL with a host and a port from 1 to 65535")
    host = (parts.hostname or "").removesuffix(".")
    is_literal = parts.netloc.startswith("[")
    if is_literal and not _AFTER_BRACKET.fullmatch(parts.netloc.rpartition("]")[2]):
        raise ValueError("must have nothing but a port after the address in brackets")
    _check_host(host, is_literal=is_literal, allows_private=allows_private)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return EndpointUrl(text, parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], target)


def _check_host(host: str, *, is_literal: bool, allows_private: bool) -> None:
    if "%" in host:
        raise ValueError("must have a host without %: no zone, and a name in plain letters")
    if is_literal or _ENDS_IN_NUMBER.fullmatch(host):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            raise ValueError(
                "must name its host, or write its address in full: dotted decimal, or IPv6 in brackets"
            ) from None
        reason = refusal(str(address))
        if reason is not None and not allows_private:
            raise ValueError(f"must be a public address; {host} is not: {reason}")
        return
    if not _HOST.fullmatch(host):
        raise ValueError("must have a valid host name")
    is_internal = "." not in host or host.endswith(_INTERNAL_ENDINGS)
    if is_internal and not allows_private:
        raise ValueError(f"must be a public host name; {host} is not")
