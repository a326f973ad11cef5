"""The servers in the settings: broker, database, mail servers. One struct per section; see
`file.py`.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from services.runtime.masking import mask_secrets
from services.runtime.settings.fields import (
    GIB,
    MIB,
    Day,
    Host,
    Name,
    Port,
    Text,
    TokenUrl,
    Variable,
)

_USUAL_PORTS = {
    ("imap", True): 993,
    ("imap", False): 143,
    ("pop3", True): 995,
    ("pop3", False): 110,
}


class _Connection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server by its URL, which may contain a password and is never shown."""

    url: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [
            (name, mask_secrets(value) if isinstance(value, str) else value)
            for name, value in values
        ]


class Broker(_Connection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """RabbitMQ; `url` is None if `mailcase up` runs its own."""

    # Of the management plugin, for `mailcase check`; None: the usual port of the broker's own host.
    management_url: (
        Annotated[
            str,
            Meta(
                pattern=r"\Ahttps?://[^\s/@]+/?\Z",
                description='a URL such as "http://rabbitmq.example.com:15672"',
            ),
        ]
        | None
    ) = None


class Store(_Connection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """MongoDB; `url` is None if `mailcase up` runs its own."""

    database: Name = "mailcase"


class IncomingServer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server that mailboxes are read from."""

    protocol: Literal["imap", "pop3"]
    host: Host
    security: Literal["tls", "starttls", "none"] = "tls"
    # Never 0 once built: the usual port of protocol and security if none is given.
    port: Port = 0
    delete_after_fetch: bool = True
    attach_original: bool = False
    # PEM certificates of authorities to trust instead of the system's; None: the system's.
    ca_file: Path | None = None
    timeout_s: Annotated[float, Meta(gt=0, le=600)] = 60.0
    poll_interval_s: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    idle: bool = True
    max_in_flight_mails: Annotated[int, Meta(ge=1, le=10_000)] = 200
    max_in_flight_bytes: Annotated[int, Meta(ge=1, le=GIB)] = 64 * MIB
    # An IMAP folder for mails whose outcome is written, instead of deleting them.
    move_to: Text | None = None

    def __post_init__(self) -> None:
        if not self.port:
            force_setattr(self, "port", _USUAL_PORTS[self.protocol, self.security == "tls"])


class OAuth2(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The source of access tokens for mailboxes (RFC 6749); exactly one of `secret_file` and
    `secret_env` is not None.
    """

    provider: Literal["microsoft", "google"]
    # Microsoft only: the directory and the application in it.
    tenant: Text | None = None
    client_id: Text | None = None
    secret_file: Path | None = None
    secret_env: Variable | None = None
    secret_expires: Day | None = None
    token_url: TokenUrl | None = None
    scope: Text | None = None


class OutgoingServer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An SMTP server for outgoing mail in the file; it becomes a `settings.Smtp`."""

    host: Host
    security: Literal["tls", "starttls", "none"] = "tls"
    # Never 0 once built: the usual port of the security if none is given.
    port: Port = 0
    ca_file: Path | None = None
    # None: without a log-in.
    user: Text | None = None
    password_file: Path | None = None
    password_env: Variable | None = None
    oauth2: Name | None = None
    timeout_s: Annotated[float, Meta(gt=0, le=600)] = 60.0

    def __post_init__(self) -> None:
        if not self.port:  # RFC 8314 sections 3.3 and 7.3, RFC 6409 section 3.1
            force_setattr(self, "port", {"tls": 465, "starttls": 587, "none": 25}[self.security])
