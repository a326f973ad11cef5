"""How many nodes the broker has and how they are, by its management plugin; AMQP itself does not tell."""

import base64
import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import unquote, urlsplit

TIMEOUT_S = 5.0


class NodesUnknownError(Exception):
    """The text says why, for a person."""


@dataclass(frozen=True)
class Nodes:
    """`down` and `alarms` are for a person: names of nodes, and what blocks publishing at which."""

    count: int
    down: list[str]
    alarms: list[str]


def nodes_of(broker_url: str, management_url: str | None) -> Nodes:
    """Blocking. Raises NodesUnknownError where the plugin is not there or does not tell us."""
    broker = urlsplit(broker_url)
    secure = broker.scheme == "amqps"
    place = urlsplit(management_url or f"http{'s' * secure}://{broker.hostname}:{15671 if secure else 15672}")
    user, password = unquote(broker.username or "guest"), unquote(broker.password or "guest")
    kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
    link = kind(place.hostname or "", place.port, timeout=TIMEOUT_S)
    try:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        link.request("GET", "/api/nodes", headers={"Authorization": f"Basic {token}"})
        answer = link.getresponse()
        body = answer.read(4 * 1024 * 1024)
    except (OSError, HTTPException) as error:
        raise NodesUnknownError(f"no management plugin at {place.netloc}: {error}") from error
    finally:
        link.close()
    if answer.status != 200:
        raise NodesUnknownError(f"{place.netloc} says {answer.status}: the user needs the tag monitoring")
    return _read(body)


def _read(body: bytes) -> Nodes:
    try:
        told = json.loads(body)
        down = [node["name"] for node in told if not node["running"]]
        alarms = [
            f"{what} alarm at {node['name']}"
            for node in told
            for what, name in (("memory", "mem_alarm"), ("disk", "disk_free_alarm"))
            if node.get(name)
        ]
        return Nodes(len(told), down, alarms)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NodesUnknownError("what answers is no management plugin") from error
