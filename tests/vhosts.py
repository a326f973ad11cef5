"""Virtual hosts for tests on the shared broker."""

from deploy.local import PrivateServers
from services.runtime.broker.topology import Topology


def add_virtual_host(servers: PrivateServers, name: str, *, fresh: bool = False) -> None:
    """Make `name`, with permissions for the broker's user, in one call.

    Unless `fresh`, the exchanges are there already: stages that find one missing wait until the
    queues that they make are on the broker's disk, which only tests that kill the broker need (see
    `services.runtime.broker.declare`).
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
