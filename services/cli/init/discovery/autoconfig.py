"""Reads the configuration file that a domain publishes for mail programs. Pure.

The format is that of Thunderbird's autoconfiguration, draft-ietf-mailmaint-autoconfig. The file is
not trusted: its size and nesting are limited, and a document type, which could define entities, is
refused. Servers without encryption are left out.
"""

from dataclasses import dataclass, field
from typing import cast
from xml.parsers import expat

from services.cli.init.discovery.servers import FoundServer, Protocol, Provider, Security

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12
MAX_SERVERS = 20
_SERVERS = ("incomingServer", "outgoingServer")
_PROTOCOLS = ("imap", "pop3", "smtp")
_SECURITY: dict[str, Security] = {"SSL": "tls", "STARTTLS": "starttls"}


class UnreadableAutoconfigError(Exception):
    """The file is not such a configuration; the message says why."""


@dataclass
class _Reader:
    """Collects the text of the children of each server's element."""

    path: list[str] = field(default_factory=list)
    servers: list[dict[str, list[str]]] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name)
        if len(self.path) > MAX_DEPTH:
            raise UnreadableAutoconfigError("it is nested too deeply")
        if name in _SERVERS and self.path[:-1] == ["clientConfig", "emailProvider"]:
            self.servers.append({"type": [attributes.get("type", "")]})
        elif self._in_server and len(self.path) == 4:
            self.servers[-1].setdefault(name, []).append("")

    def end(self, _name: str) -> None:
        self.path.pop()

    def text(self, data: str) -> None:
        if self._in_server and len(self.path) == 4:
            self.servers[-1][self.path[-1]][-1] += data

    @property
    def _in_server(self) -> bool:
        return len(self.path) > 2 and self.path[2] in _SERVERS and bool(self.servers)


def parse(data: bytes, source: str) -> list[FoundServer]:
    """The encrypted servers of the file, in its order, with their placeholders.

    :raises UnreadableAutoconfigError: if it is too large or no such file.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableAutoconfigError(f"it is larger than {MAX_BYTES // 1024} KiB")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_document_type
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise UnreadableAutoconfigError(f"it is not XML: {error}") from error
    found = (_server(values, source) for values in reader.servers[:MAX_SERVERS])
    return [server for server in found if server is not None]


def _refuse_document_type(*_: object) -> None:
    raise UnreadableAutoconfigError("it has a document type")


def _server(values: dict[str, list[str]], source: str) -> FoundServer | None:
    """None if a part is missing or unusable, or the server has no encryption."""
    protocol, host, port, socket_type = (
        values.get(name, [""])[0].strip() for name in ("type", "hostname", "port", "socketType")
    )
    security = _SECURITY.get(socket_type)
    is_port = port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535
    if protocol not in _PROTOCOLS or security is None or not is_port or not host:
        return None
    user = values.get("username", [""])[0].strip()
    return FoundServer(
        cast("Protocol", protocol), host, int(port), security, source, user, _tokens(values, host)
    )


def _tokens(values: dict[str, list[str]], host: str) -> Provider | None:
    """The provider of tokens if the file offers no other log-in."""
    methods = {method.strip() for method in values.get("authentication", [])}
    if methods != {"OAuth2"}:
        return None
    return "google" if host.endswith((".google.com", ".gmail.com")) else "microsoft"
