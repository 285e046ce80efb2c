"""Starts the system of a trial, in the order in which it can: hosts, servers, schema, processes, receiver.

What was started is ended with the block, however the trial went.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from keyledger.ledger.migrations import migrate

from .catching import receiver
from .clocks import Clocks
from .hosts import CLIENTS, SERVERS, running_hosts
from .proxy import Network
from .servers import Servers, embedded_servers
from .shape import Shape
from .system import System
from .version_before import VersionBefore


@contextlib.contextmanager
def running_system(
    folder: Path,
    shape: Shape,
    settings: Mapping[str, Mapping[str, object]],
    own_servers: Servers | None = None,
    clocks: Clocks | None = None,
    previous: VersionBefore | None = None,
) -> Iterator[System]:
    """A system that is ready, as long as the block lasts. `settings`: of single processes, by name. With a
    `previous` version all of it is of that one."""
    with contextlib.ExitStack() as stack:
        hosts, servers_host = None, None
        if shape.has_hosts:
            hosts = stack.enter_context(running_hosts(shape.slowed_host))
            servers_host = hosts.named(SERVERS)
        servers = own_servers or stack.enter_context(embedded_servers(folder / "data", clocks, servers_host))
        if previous is None:
            migrate(servers.database_url)
        else:
            previous.run(servers.settings, "migrate")
        network = stack.enter_context(Network())
        system = System(shape, servers, network, folder, clocks=clocks, hosts=hosts, previous=previous)
        stack.callback(system.close)
        counts = {"worker": shape.workers, "producer": shape.producers, "deliverer": shape.deliverers}
        for role, count in counts.items():
            for number in range(1, count + 1):
                name = f"{role}-{number}"
                system.add_node(name, role, settings.get(name, {}), is_previous=previous is not None)
        system.wait_until_ready()
        if shape.has_receiver:
            system.receiver = stack.enter_context(
                receiver(hosts.named(CLIENTS).address) if hosts is not None else receiver()
            )
            system.receiver.secret = system.make_endpoint(system.receiver.url)["secret"]
        yield system
