"""Virtual hosts for tests on the shared broker."""

from deploy.local import PrivateServers
from services.runtime.broker.topology import Topology


def add_virtual_host(servers: PrivateServers, name: str, *, fresh: bool = False) -> None:
    """Create `name` with permissions for the broker's user, in one call.

    Unless `fresh` is true, the exchanges are created too. A service that finds one missing waits
    until its new queues are on the broker's disk, which matters only to tests that kill the broker
    (see `services.runtime.broker.declare`).
    """
    every = {"configure": ".*", "write": ".*", "read": ".*"}
    exchanges = [] if fresh else [_exchange(exchange, name) for exchange in Topology().exchanges]
    definitions = {
        "vhosts": [{"name": name}],
        "permissions": [{"user": servers.broker.user, "vhost": name, **every}],
        "exchanges": exchanges,
    }
    servers.broker.import_definitions(definitions)


def _exchange(exchange: str, host: str) -> dict[str, object]:
    shape = {
        "type": "topic",
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": {},
    }
    return {"name": exchange, "vhost": host, **shape}
