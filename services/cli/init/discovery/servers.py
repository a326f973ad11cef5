"""A mail server that is published for a domain, and how far it can be trusted. Pure."""

from dataclasses import dataclass, replace
from typing import Literal

Protocol = Literal["imap", "pop3", "smtp"]
Security = Literal["tls", "starttls", "none"]
Provider = Literal["microsoft", "google"]

USUAL_PORTS: dict[tuple[Protocol, Security], int] = {
    ("imap", "tls"): 993,
    ("imap", "starttls"): 143,
    ("pop3", "tls"): 995,
    ("pop3", "starttls"): 110,
    ("smtp", "tls"): 465,
    ("smtp", "starttls"): 587,
    ("imap", "none"): 143,
    ("pop3", "none"): 110,
    ("smtp", "none"): 25,
}

_WORDS: dict[Security, str] = {"tls": "TLS", "starttls": "STARTTLS", "none": "no encryption"}


@dataclass(frozen=True)
class FoundServer:
    """A server. Only a person can name one without encryption.

    `user` is the log-in name, empty if it is unknown. `oauth2` is the provider if the server
    accepts no passwords. `source` says who published it. `vouched` means that a password may be
    sent there without a question; see `vouched_for`.
    """

    protocol: Protocol
    host: str
    port: int
    security: Security
    source: str
    user: str = ""
    oauth2: Provider | None = None
    vouched: bool = True

    @property
    def place(self) -> str:
        """`imap.example.com:993 (TLS)`."""
        return f"{self.host}:{self.port} ({_WORDS[self.security]})"

    def for_address(self, address: str) -> "FoundServer":
        """The server with the placeholders of autoconfig files replaced in host and user."""
        local, _, domain = address.rpartition("@")
        values = {
            "%EMAILADDRESS%": address,
            "%EMAILLOCALPART%": local,
            "%EMAILDOMAIN%": domain,
        }
        host, user = self.host, self.user
        for placeholder, value in values.items():
            host, user = host.replace(placeholder, value), user.replace(placeholder, value)
        return replace(self, host=host, user=user)


def is_within(host: str, domain: str) -> bool:
    """Whether a host belongs to the domain. Its certificate then proves that it may get the
    password.
    """
    host, domain = host.rstrip(".").lower(), domain.rstrip(".").lower()
    return host == domain or host.endswith(f".{domain}")


def preferred(servers: list[FoundServer]) -> list[FoundServer]:
    """The servers without duplicates: IMAP before POP3, implicit TLS before STARTTLS (RFC 8314),
    otherwise in the given order.
    """
    unique: dict[tuple[str, str, int], FoundServer] = {}
    for server in servers:
        unique.setdefault((server.protocol, server.host.lower(), server.port), server)
    return sorted(unique.values(), key=lambda server: (server.protocol, server.security != "tls"))
