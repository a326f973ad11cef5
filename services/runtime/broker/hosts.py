"""The hosts of a broker's URL, which may name several nodes of a cluster. Pure."""

import re

_PARTS = re.compile(r"([^:]+://)([^/?#]*)(.*)", re.DOTALL)


def urls_of(url: str) -> list[str]:
    """A URL for each host, in their order.

    Hosts are separated by commas, as in MongoDB's URLs; each may have a port.

    >>> urls_of("amqp://guest:guest@a.example,b.example:5673/v")
    ['amqp://guest:guest@a.example/v', 'amqp://guest:guest@b.example:5673/v']
    """
    parts = _PARTS.fullmatch(url)
    if parts is None:
        return [url]
    scheme, authority, rest = parts.groups()
    user, at, hosts = authority.rpartition("@")
    return [f"{scheme}{user}{at}{host}{rest}" for host in hosts.split(",")]
