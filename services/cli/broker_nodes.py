"""The number and health of the broker's nodes, from its management plugin; AMQP does not report
them.
"""

import base64
import json
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import unquote, urlsplit

from services.runtime.broker.hosts import urls_of

TIMEOUT_S = 5.0


class NodesUnknownError(Exception):
    """The management plugin did not answer; the message says why."""


@dataclass(frozen=True)
class Nodes:
    """`down` has the names of nodes that do not run; `alarms` describes what blocks publishing on
    which node.
    """

    count: int
    down: list[str]
    alarms: list[str]


def nodes_of(broker_url: str, management_url: str | None) -> Nodes:
    """Query the plugin, blocking, on the first of the broker's hosts that answers.

    Raises NodesUnknownError if it is missing or refuses the user.
    """
    *others, last = urls_of(broker_url)
    for url in others if management_url is None else ():
        with suppress(NodesUnknownError):
            return _nodes_at(url, None)
    return _nodes_at(last, management_url)


def _nodes_at(broker_url: str, management_url: str | None) -> Nodes:
    broker = urlsplit(broker_url)
    secure = broker.scheme == "amqps"
    management = urlsplit(
        management_url or f"http{'s' * secure}://{broker.hostname}:{15671 if secure else 15672}"
    )
    user, password = unquote(broker.username or "guest"), unquote(broker.password or "guest")
    kind = HTTPSConnection if management.scheme == "https" else HTTPConnection
    link = kind(management.hostname or "", management.port, timeout=TIMEOUT_S)
    try:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        link.request("GET", "/api/nodes", headers={"Authorization": f"Basic {token}"})
        answer = link.getresponse()
        body = answer.read(4 * 1024 * 1024)
    except (OSError, HTTPException) as error:
        raise NodesUnknownError(f"no management plugin at {management.netloc}: {error}") from error
    finally:
        link.close()
    if answer.status != 200:
        raise NodesUnknownError(
            f"{management.netloc} answered {answer.status}: give the user the tag monitoring"
        )
    return _read(body)


def _read(body: bytes) -> Nodes:
    try:
        nodes = json.loads(body)
        down = [node["name"] for node in nodes if not node["running"]]
        alarms = [
            f"{what} alarm on {node['name']}"
            for node in nodes
            for what, name in (("memory", "mem_alarm"), ("disk", "disk_free_alarm"))
            if node.get(name)
        ]
        return Nodes(len(nodes), down, alarms)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NodesUnknownError("the answer is not that of a management plugin") from error
