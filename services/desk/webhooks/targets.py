"""Decides where a webhook may be sent: checks its URL and the addresses of its host. Pure.

The list of networks follows IANA's registries of special-purpose addresses. It is written out,
since `ipaddress.is_global` differs between versions of Python.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL_CHARS = 2_000
_VISIBLE = re.compile(r"[!-~]+")
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_PORTS = {"https": 443, "http": 80}
_SPECIAL_V4 = tuple(
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
# Everything outside of 2000::/3 is refused anyway: loopback, link-local, ULA, multicast, NAT64.
_GLOBAL_V6 = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


class InvalidUrlError(ValueError):
    """A URL that cannot be used for a webhook. The message says how to fix it."""


class RefusedAddressError(Exception):
    """The name leads to an address that webhooks must not reach."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts: `path` includes the query, `host` is without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """The value of the header field `Host` (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """Raises InvalidUrlError."""
    if not _VISIBLE.fullmatch(url) or len(url) > MAX_URL_CHARS:
        raise InvalidUrlError(
            f"a URL has up to {MAX_URL_CHARS} visible ASCII characters: encode the others"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidUrlError(f"this is not a URL: {error}") from error
    if parts.scheme not in _PORTS:
        raise InvalidUrlError("begin the URL with https://")
    if "@" in parts.netloc or "\\" in url:
        raise InvalidUrlError("leave user names, passwords and backslashes out of the URL")
    if parts.fragment or url.endswith("#"):
        raise InvalidUrlError("leave the fragment, from # on, out of the URL")
    if not _is_host(host) or port == 0:
        raise InvalidUrlError("the URL has no host name, or one with invalid characters")
    path = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path + query)


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return "%" not in host and bool(ip_address(host))
        except ValueError:
            return False
    return len(host) <= 253 and _HOST.fullmatch(host) is not None


def is_address(host: str) -> bool:
    """Whether a host is written as an address, not as a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: Address) -> bool:
    """Whether an address is reachable over the internet and not reserved for a special purpose."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    return address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)


def choose_address(target: Target, addresses: Sequence[str], allowed: Sequence[Network]) -> Address:
    """The first address at which the target may be reached. Raises RefusedAddressError.

    Without TLS only the allowed networks are reached.
    """
    for text in addresses:
        address = ip_address(text)
        if _is_allowed(address, allowed) or (target.is_tls and is_public(address)):
            return address
    if not addresses:
        raise RefusedAddressError(f"{target.host} has no address")
    if not target.is_tls:
        raise RefusedAddressError(
            f"{target.host} is reached without TLS: use https, or allow its network in "
            "[desk] webhook_allow_networks"
        )
    raise RefusedAddressError(
        f"{target.host} is at an address that is not public: allow its network in "
        "[desk] webhook_allow_networks"
    )


def _is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in allowed if network.version == address.version)


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks such as `10.20.0.0/16`, or single addresses. Raises ValueError."""
    return tuple(ip_network(text, strict=False) for text in texts)
