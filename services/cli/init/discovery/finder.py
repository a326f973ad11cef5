"""Looks in all places where the servers of an address may be published.

The most trustworthy source comes first. Our table of providers and a file over HTTPS cannot be
forged from the network. SRV records (RFC 6186, RFC 8314) can; if one leads to another domain, a
person must consent before a password is sent there (RFC 6186 section 6).
"""

import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from services.cli.init.discovery.autoconfig import UnreadableAutoconfigError, parse
from services.cli.init.discovery.network import Network
from services.cli.init.discovery.providers import by_domain, by_mail_exchanger
from services.cli.init.discovery.servers import (
    USUAL_PORTS,
    FoundServer,
    Protocol,
    Security,
    is_within,
    preferred,
)

_SERVICES: dict[str, tuple[Protocol, Security]] = {
    "_imaps._tcp": ("imap", "tls"),
    "_imap._tcp": ("imap", "starttls"),
    "_pop3s._tcp": ("pop3", "tls"),
    "_pop3._tcp": ("pop3", "starttls"),
    "_submissions._tcp": ("smtp", "tls"),
    "_submission._tcp": ("smtp", "starttls"),
}
_USUAL_NAMES: tuple[tuple[str, Protocol, Security], ...] = (
    ("imap", "imap", "tls"),
    ("mail", "imap", "tls"),
    ("mail", "imap", "starttls"),
    ("pop", "pop3", "tls"),
    ("mail", "pop3", "tls"),
    ("smtp", "smtp", "tls"),
    ("mail", "smtp", "tls"),
    ("smtp", "smtp", "starttls"),
    ("mail", "smtp", "starttls"),
)
_PROBE_TIMEOUT_S = 4.0


def find_servers(address: str, network: Network) -> list[FoundServer]:
    """The servers of the first source that has one to read mail from; empty if none has.

    Asks the network in parallel, for about ten seconds at most.
    """
    domain = address.rpartition("@")[2]
    known = by_domain(domain)
    if not known:
        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="discovery") as pool:
            file = pool.submit(_autoconfig, address, domain, network)
            records = [pool.submit(_records, name, domain, network) for name in _SERVICES]
            exchangers = pool.submit(network.mail_exchangers, domain)
            offers = [server for found in records for server in found.result()]
            known = next(
                (
                    servers
                    for servers in (
                        file.result(),
                        offers,
                        by_mail_exchanger(exchangers.result()),
                    )
                    if any(server.protocol != "smtp" for server in servers)
                ),
                [],
            )
    servers = known or usual_names(domain, answers)
    return preferred([server.for_address(address) for server in servers])


def _autoconfig(address: str, domain: str, network: Network) -> list[FoundServer]:
    query = f"emailaddress={quote(address)}"
    for url in (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml?{query}",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    ):
        data = network.https_file(url)
        if data is None:
            continue
        try:
            return parse(data, f"autoconfig file of {domain}")
        except UnreadableAutoconfigError:
            continue
    return []


def _records(name: str, domain: str, network: Network) -> list[FoundServer]:
    protocol, security = _SERVICES[name]
    return [
        FoundServer(
            protocol,
            service.host,
            service.port,
            security,
            f"DNS records of {domain}",
            vouched=is_within(service.host, domain),
        )
        for service in network.services(name, domain)
    ]


def usual_names(domain: str, answers: Callable[[str, int, Security], bool]) -> list[FoundServer]:
    """Responding hosts with usual names, such as `imap.` before the domain."""
    offers = [
        FoundServer(
            protocol,
            f"{label}.{domain}",
            USUAL_PORTS[protocol, security],
            security,
            "usual name, which answers",
        )
        for label, protocol, security in _USUAL_NAMES
    ]
    with ThreadPoolExecutor(max_workers=len(offers), thread_name_prefix="probe") as pool:
        answering = pool.map(
            lambda server: answers(server.host, server.port, server.security), offers
        )
        return [server for server, there in zip(offers, answering, strict=True) if there]


def answers(host: str, port: int, security: Security) -> bool:
    """Whether a server accepts a connection there, with a certificate of its name if TLS comes
    first.
    """
    try:
        with socket.create_connection((host, port), timeout=_PROBE_TIMEOUT_S) as link:
            if security == "tls":
                ssl.create_default_context().wrap_socket(link, server_hostname=host).close()
            return True
    except (OSError, UnicodeError, ValueError):
        return False
