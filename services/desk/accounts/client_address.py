"""Finds the address of a client, which may be behind proxies. Pure."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_MAX_HOPS = 20
_SITE_BITS = (
    64  # a customer's smallest network in IPv6 (RFC 6177), whose addresses all belong to one person
)


class ClientAddresses:
    """Finds the client's address. Only trusted proxies may state another address than their own."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted = [ip_network(network) for network in trusted_proxies]

    def address(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """The address of the nearest hop that is not a trusted proxy, in normal form.

        `peer` is the other end of the connection; `forwarded_for` the values of all
        `X-Forwarded-For` headers in order. An untrusted hop may have invented everything before it.
        """
        current = _parsed(peer)
        if current is None:
            return ""
        hops = [hop.strip() for hop in ",".join(forwarded_for).split(",") if hop.strip()]
        for hop in reversed(hops[-_MAX_HOPS:]):
            if not self.is_trusted(str(current)):
                break
            before = _parsed(hop)
            if before is None:
                break
            current = before
        return str(current)

    def is_trusted(self, peer: str) -> bool:
        """Whether an address is a trusted proxy's."""
        address = _parsed(peer)
        return address is not None and any(address in network for network in self._trusted)


def network_of(address: str) -> str:
    """The network that counts as one client: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, _SITE_BITS), strict=False))
    return str(parsed) if parsed is not None else "unknown"


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """An address without port and zone. An IPv4 address in IPv6 form is converted to IPv4."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
