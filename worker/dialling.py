"""Connections to checked addresses only: the network half of a webhook attempt.

Guarantee: what is dialled is an address that was checked here, a moment ago; nobody resolves the name a
second time. A host with one refused address is refused, however good its others are.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

from keyledger.contract.endpoint_url import refusal

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From host and port to IP addresses; raises OSError."""
Dial = Callable[[str, int], Awaitable[socket.socket]]
"""From IP address and port to a connected socket that does not block; raises OSError."""


class Refused(Exception):
    """The host has an address that may not be dialled."""


class Unresolved(Exception):
    """The host has no address."""


class Dialler:
    """Resolves, checks every address, and dials one that it has checked."""

    def __init__(
        self, *, allows_private: bool, resolve: Resolve | None = None, dial: Dial | None = None
    ) -> None:
        self._allows_private = allows_private
        self._resolve = resolve or _resolve
        self._dial = dial or _dial

    async def connect(
        self, host: str, port: int, *, within_s: float, ended: Callable[[str], None]
    ) -> socket.socket:
        """A connection to a checked address of the host; `ended` is told when `dns` and `connect` are done.

        Raises Refused, Unresolved, OSError, or TimeoutError when no address has answered in time.
        """
        addresses = await self._addresses(host, port)
        ended("dns")
        for address in addresses:
            reason = None if self._allows_private else refusal(address)
            if reason is not None:
                # One bad address among good ones is a trick, too.
                raise Refused(f"{host} has the address {address}: {reason}")
        failure: Exception = Unresolved(f"{host} has no address")
        for address in addresses:
            try:
                # One that hangs leaves time for the others.
                async with asyncio.timeout(within_s / len(addresses)):
                    connected = await self._dial(address, port)
            except OSError as error:  # a TimeoutError is one, too
                failure = error
                continue
            ended("connect")
            return connected
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


async def _dial(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made
