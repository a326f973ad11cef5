"""The network access of discovery: DNS, and files over HTTPS. Plain HTTP is never used."""

import http.client
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import dns.exception
import dns.rdata
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.SRV import SRV

from services.cli.init.discovery.autoconfig import MAX_BYTES

MAX_REDIRECTS = 3
_REDIRECTS = {301, 302, 303, 307, 308}

R = TypeVar("R", bound=dns.rdata.Rdata)


@dataclass(frozen=True)
class Service:
    """One SRV record (RFC 2782); a lower `priority` comes first, then a higher `weight`."""

    name: str
    host: str
    port: int
    priority: int
    weight: int


@dataclass(frozen=True)
class Network:
    """`dns_server` replaces the system's resolver, also for host names of HTTPS.

    `ca_file` replaces the system's authorities.
    """

    dns_server: tuple[str, int] | None = None
    ca_file: Path | None = None
    https_port: int = 443
    timeout_s: float = 5.0

    def services(self, name: str, domain: str) -> list[Service]:
        """The SRV records of a service such as `_imaps._tcp`; empty if there are none, or no
        response. A target of `.` means that the service does not exist.
        """
        found = [
            Service(
                name,
                str(record.target).rstrip("."),
                record.port,
                record.priority,
                record.weight,
            )
            for record in self._query(f"{name}.{domain}", SRV)
        ]
        return sorted(
            (service for service in found if service.host and service.port),
            key=lambda service: (service.priority, -service.weight),
        )

    def mail_exchangers(self, domain: str) -> list[str]:
        """The hosts that receive the domain's mail, in order of preference."""
        records = sorted(self._query(domain, MX), key=lambda record: record.preference)
        return [str(record.exchange).rstrip(".") for record in records]

    def addresses(self, host: str) -> list[str]:
        """The IP addresses of a host; empty if there are none, or no response."""
        if self.dns_server is not None:
            return [str(record.address) for record in self._query(host, A)]
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return []
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _query(self, name: str, kind: type[R]) -> list[R]:
        try:
            resolver = dns.resolver.Resolver(configure=self.dns_server is None)
            if self.dns_server is not None:
                resolver.nameservers = [self.dns_server[0]]
                resolver.port = self.dns_server[1]
            found = resolver.resolve(name, kind.__name__, lifetime=self.timeout_s, search=False)
            return [record for record in found if isinstance(record, kind)]
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError):
            return []

    def https_file(self, url: str) -> bytes | None:
        """The body of a file; None if there is none, or if it cannot be fetched safely."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._get(url)
            if not isinstance(answer, str):
                return answer
            url = urljoin(url, answer)
        return None

    def _get(self, url: str) -> bytes | str | None:
        """The body, or the URL that the server redirects to."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" or not host:
            return None
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        for address in self.addresses(host)[:2]:
            connection = _Connection(
                host, address, parts.port or self.https_port, self.timeout_s, self.ca_file
            )
            try:
                connection.request("GET", target, headers={"Accept": "text/xml, application/xml"})
                answer = connection.getresponse()
                if answer.status in _REDIRECTS:
                    return answer.getheader("Location")
                return answer.read(MAX_BYTES + 1) if answer.status == http.HTTPStatus.OK else None
            except (OSError, http.client.HTTPException, ValueError):
                continue
            finally:
                connection.close()
        return None


class _Connection(http.client.HTTPSConnection):
    """Connects to an address that was looked up before. The certificate must match the host."""

    def __init__(
        self, host: str, address: str, port: int, timeout_s: float, ca_file: Path | None
    ) -> None:
        self._context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        super().__init__(host, port, timeout=timeout_s, context=self._context)
        self._address = address

    def connect(self) -> None:
        link = socket.create_connection((self._address, self.port), timeout=self.timeout)
        self.sock = self._context.wrap_socket(link, server_hostname=self.host)
