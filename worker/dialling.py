"""Connections to checked addresses only: the network half of a webhook attempt.

Guarantee: what is dialled is an address that was checked here, a moment ago; nobody resolves the name a
second time. A host with one refused address is refused, however good its others are.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final

import httpcore

from keyledger.contract.endpoint_url import refusal

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From host and port to IP addresses."""
Dial = Callable[[str, int, float | None], Awaitable[httpcore.AsyncNetworkStream]]
"""From IP address, port and time-out in seconds to a connection; raises OSError or httpcore's errors."""

PHASE_ENDED: Final[ContextVar[Callable[[str], None]]] = ContextVar("phase_ended")
"""Told by the connecting task that `dns` or `connect` has ended."""


class Refused(Exception):
    """The host has an address that may not be dialled."""


class Unresolved(Exception):
    """The host has no address."""


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Resolves, checks every address, and dials one that it has checked."""

    def __init__(
        self, allows_private: bool, resolve: Resolve | None = None, dial: Dial | None = None
    ) -> None:
        self._allows_private = allows_private
        self._resolve = resolve or _resolve
        self._dial = dial or _dial

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """A connection to a checked address of the host."""
        phase_ended = PHASE_ENDED.get()
        addresses = await self._addresses(host, port)
        phase_ended("dns")
        for address in addresses:
            reason = None if self._allows_private else refusal(address)
            if reason is not None:
                # One bad address among good ones is a trick, too.
                raise Refused(f"{host} has the address {address}: {reason}")
        failure: Exception = Unresolved(f"{host} has no address")
        # One that hangs leaves time for the others.
        share_s = timeout / len(addresses) if timeout and addresses else None
        for address in addresses:
            try:
                stream = await self._dial(address, port, share_s)
            except (OSError, httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            phase_ended("connect")
            return stream
        raise failure

    async def _addresses(self, host: str, port: int) -> list[str]:
        with suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        try:
            return await self._resolve(host, port)
        except OSError as error:
            raise Unresolved(f"{host} cannot be resolved: {error}") from error


async def _resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _dial(address: str, port: int, timeout_s: float | None) -> httpcore.AsyncNetworkStream:
    return await httpcore.AnyIOBackend().connect_tcp(address, port, timeout=timeout_s)
