"""Hosts of a trial: network namespaces on one switch, each with an address of its own.

Guarantee: the switch and all links are inside of the namespaces, so that nothing of it is seen or reached
from the machine's own network, and all is gone with the processes of the trial. A host that is cut off hears
nothing any more, no reset either, as with a cable that is pulled. Hosts share the machine's processors, disks
and clocks.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from .line import Line
from .namespaces import Namespace

SERVERS: Final = "servers"
CLIENTS: Final = "clients"
"""Where the harness is: its clients, its receiver, and the eyes of the checker."""
DEVICE: Final = "eth0"
_NETWORK: Final = "10.213.0"
_SWITCH: Final = "switch"


@dataclass(frozen=True, slots=True)
class Host:
    """One of them."""

    name: str
    address: str
    port: str
    """Of the switch, where its cable ends."""
    namespace: Namespace
    switch: Namespace
    line: Line | None
    """If it can be slowed."""

    def entered(self) -> AbstractContextManager[None]:
        """What this thread starts meanwhile is on this host."""
        return self.namespace.entered()

    def cut(self) -> None:
        """Pull its cable."""
        self.switch.run("ip", "link", "set", self.port, "down")

    def plug(self) -> None:
        """Put it back."""
        self.switch.run("ip", "link", "set", self.port, "up")


class Hosts:
    """All hosts of a trial, by name, made when they are first asked for."""

    def __init__(self, slowed: str = "") -> None:
        """`slowed`: the one that has a line."""
        self._slowed = slowed
        self._hosts: dict[str, Host] = {}
        self._switch = Namespace()
        self._switch.run("ip", "link", "add", _SWITCH, "type", "bridge")
        self._switch.run("ip", "link", "set", _SWITCH, "up")

    def named(self, name: str) -> Host:
        if name not in self._hosts:
            self._hosts[name] = self._made(name, number=len(self._hosts) + 1)
        return self._hosts[name]

    def close(self) -> None:
        for host in self._hosts.values():
            if host.line is not None:
                host.line.close()
            host.namespace.close()
        self._switch.close()

    def _made(self, name: str, number: int) -> Host:
        namespace, switch = Namespace(), self._switch
        address, port, line = f"{_NETWORK}.{number}", f"port{number}", None
        if name == self._slowed:
            line = Line(namespace, DEVICE, switch, port)
            line.start()
        else:
            peer = ("peer", "name", DEVICE, "netns", namespace.path)
            switch.run("ip", "link", "add", port, "type", "veth", *peer)
        switch.run("ip", "link", "set", port, "master", _SWITCH, "up")
        namespace.run("ip", "address", "add", f"{address}/24", "dev", DEVICE)
        namespace.run("ip", "link", "set", DEVICE, "up")
        return Host(name, address, port, namespace, switch, line)


@contextmanager
def running_hosts(slowed: str = "") -> Iterator[Hosts]:
    """A switch, as long as the block lasts; meanwhile this thread, and what it starts, is on `CLIENTS`."""
    hosts = Hosts(slowed)
    try:
        with hosts.named(CLIENTS).entered():
            yield hosts
    finally:
        hosts.close()
