"""What every part of the conversation needs, and the checks of single answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from services.cli.init.dialog import Dialog
from services.cli.init.discovery.network import Network
from services.cli.init.discovery.servers import USUAL_PORTS, Protocol, Provider, Security
from services.cli.init.existing import Existing
from services.runtime.settings.fields import Address, Host, Name

# A port that is usual for STARTTLS means STARTTLS; the default is implicit TLS.
_STARTTLS_PORTS = {port for (_, security), port in USUAL_PORTS.items() if security == "starttls"}


@dataclass(frozen=True)
class Answers:
    """What the options of the command answer already; None is not answered."""

    address: str | None = None
    protocol: Literal["imap", "pop3"] | None = None
    server: str | None = None
    security: Security | None = None
    user: str | None = None
    password_file: Path | None = None
    folder: str | None = None
    delete: bool | None = None
    ca_file: Path | None = None
    oauth2: Provider | None = None
    tenant: str | None = None
    client_id: str | None = None
    secret_file: Path | None = None
    token_url: str | None = None
    process: str | None = None
    template: str | None = None
    title: str | None = None
    stages: str | None = None
    smtp: str | None = None
    smtp_user: str | None = None
    smtp_password_file: Path | None = None
    test_mail: str | None = None


@dataclass
class Setup:
    """One conversation. `secrets` are files to write, by their names next to the settings."""

    dialog: Dialog
    answers: Answers
    existing: Existing
    network: Network
    config: Path
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of the settings, and of the secrets."""
        return self.config.absolute().parent


@dataclass(frozen=True)
class Place:
    """A server as a person names it."""

    host: str
    port: int
    security: Security


def place(protocol: Protocol, security: Security | None) -> Callable[[str], Place]:
    """A check of `HOST` or `HOST:PORT`. If `security` is not given, the port decides."""

    def check(text: str) -> Place:
        host, port = _split(text.strip())
        host = valid(Host)(host)
        encryption: Security = security or ("starttls" if port in _STARTTLS_PORTS else "tls")
        return Place(host, port or USUAL_PORTS[protocol, encryption], encryption)

    return check


def _split(text: str) -> tuple[str, int]:
    """Host and port; the port is 0 if there is none."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    if not port:
        return host, 0
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise ValueError(f"{port!r} is not a port: give a number from 1 to 65535")
    return host, int(port)


def valid(kind: Any) -> Callable[[str], str]:
    """A check by a type of the settings."""

    def check(text: str) -> str:
        try:
            return str(msgspec.convert(text, kind))
        except msgspec.ValidationError as error:
            shape = msgspec.inspect.type_info(kind)
            schema = getattr(shape, "extra_json_schema", None) or {}
            raise ValueError(f"needs {schema.get('description', 'another value')}") from error

    return check


_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def valid_address(text: str) -> str:
    """A check of a mail address whose domain can have servers on the Internet (RFC 5321, 1034)."""
    address = valid(Address)(text)
    domain = address.rpartition("@")[2]
    try:
        labels = domain.encode("idna").decode().lower().split(".")
    except UnicodeError:
        labels = [""]
    if len(labels) == 1 and _LABEL.fullmatch(labels[0]):
        raise ValueError(f"{domain!r} is not a full domain: it has no dot, as in {domain}.com")
    if not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdecimal():
        hint = "a domain has letters, digits and hyphens between its dots, as office.example.com"
        raise ValueError(f"{domain!r} is not a valid domain: {hint}")
    return address


valid_name = valid(Name)
