"""What can be set: one struct a section. A new section is a new struct and a line in `Sections`.

The structs are the only place for names, types, ranges and defaults; docs/settings.md is held against them by a test.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from services.runtime.masking import mask_secrets

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

# Names become parts of AMQP routing keys and queue names, hence no dots, and of database keys.
Name = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,62}\Z",
        description="a name of at most 63 ASCII letters, digits, - and _ that begins with a letter or digit",
    ),
]
Text = Annotated[
    str,
    Meta(pattern=r"\A[^\x00-\x1f\x7f]{1,255}\Z", description="1 to 255 characters of text on one line"),
]
# Only what other parts rely on (one @, nothing that could end a header or a list); mail servers know the rest.
Address = Annotated[
    str,
    Meta(
        pattern=r"\A[^\s\x00-\x1f\x7f@<>(),;:\"]+@[^\s\x00-\x1f\x7f@<>(),;:\"]+\Z",
        max_length=254,  # RFC 5321 section 4.5.3.1.3, without the angle brackets
        description='an address such as "invoices@example.com"',
    ),
]
Host = Annotated[
    str,
    Meta(
        pattern=r"\A(?:[^\s\x00-\x1f\x7f/@:\[\]]+|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)\Z",
        max_length=253,
        description="a host name or an IP address alone, without scheme and port",
    ),
]
Variable = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\Z",
        description="the name of an environment variable, such as INVOICES_PASSWORD, not the password itself",
    ),
]
Port = Annotated[int, Meta(ge=1, le=65535)]
Day = Annotated[
    str,
    Meta(
        pattern=r"\A\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\Z",
        description='a day such as "2027-01-31"',
    ),
]
# Without TLS only to this machine: the request carries a secret, its answer the key to the mailboxes.
TokenUrl = Annotated[
    str,
    Meta(
        pattern=r"\A(?:https://[^\s@]+|http://(?:127\.0\.0\.1|localhost)(?::\d+)?/[^\s@]*)\Z",
        description="a URL that begins with https://",
    ),
]

_USUAL_PORTS = {("imap", True): 993, ("imap", False): 143, ("pop3", True): 995, ("pop3", False): 110}


class _Connection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server by its URL, which may hold a password: it is never shown."""

    url: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, mask_secrets(value) if isinstance(value, str) else value) for name, value in values]


class Broker(_Connection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """RabbitMQ; `url` is None where `mailcase up` runs its own."""


class Store(_Connection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """MongoDB; `url` is None where `mailcase up` runs its own."""

    database: Name = "mailcase"


class IncomingServer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server that mailboxes are read from."""

    protocol: Literal["imap", "pop3"]
    host: Host
    security: Literal["tls", "starttls", "none"] = "tls"
    # Never 0 once built: the usual port of protocol and security where none was given.
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
    """How access tokens for mailboxes are had (RFC 6749); exactly one of `secret_file` and `secret_env` is not None."""

    provider: Literal["microsoft", "google"]
    # Microsoft only: the directory and the application in it.
    tenant: Text | None = None
    client_id: Text | None = None
    secret_file: Path | None = None
    secret_env: Variable | None = None
    secret_expires: Day | None = None
    token_url: TokenUrl | None = None
    scope: Text | None = None


class Stage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of a process. Once built, `title` is the name where none was given."""

    name: Name
    title: Text = ""
    initial: bool = False
    next: tuple[Name, ...] = ()

    def __post_init__(self) -> None:
        if not self.title:
            force_setattr(self, "title", self.name)


class CaseReference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a case's number is written for people, and the keys that sign it in our Message-IDs."""

    # Before the number, as in [Case #235]; nothing that could end the brackets.
    prefix: Annotated[
        str,
        Meta(
            pattern=r"\A[^\x00-\x1f\x7f\[\]#]{0,40}\Z",
            description="at most 40 characters without brackets and #",
        ),
    ] = ""
    # One key a line, the first signs, all of them verify; None: our Message-IDs are not recognised.
    key_file: Path | None = None


Sender = Annotated[
    str,
    Meta(
        pattern=r"\A[^\s\x00-\x1f\x7f@<>(),;:\"]*@[^\s\x00-\x1f\x7f@<>(),;:\"]+\Z",
        description='an address such as "jan@example.com", or a whole domain such as "@example.com"',
    ),
]


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a process's settings decides where a mail goes."""

    # Whether a number may lead to another process's case.
    reference_scope: Literal["any", "process"] = "any"
    # Who may add to a case: anyone; participants, and others open a case; participants, and others wait for a person.
    reply_from: Literal["anyone", "participants", "hold"] = "anyone"
    reply_to_closed: Literal["reopen", "append", "new-case"] = "reopen"
    # 0: no limit.
    max_new_cases_per_sender: Annotated[int, Meta(ge=0, le=100_000)] = 20
    new_cases_window_s: Annotated[float, Meta(gt=0, le=86_400)] = 600.0
    spam: Literal["flag", "park", "accept"] = "flag"
    # The authserv-id of RFC 8601 section 2.5; empty: Authentication-Results are not believed.
    authentication_server: Annotated[str, Meta(pattern=r"\A[^\s;]{0,253}\Z", description="a server's name")] = ""


class MailboxTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mailbox as the file writes it; `settings.Mailbox` is what it becomes."""

    name: Name | None = None
    server: Name
    address: Address
    user: Text | None = None
    password_file: Path | None = None
    password_env: Variable | None = None
    oauth2: Name | None = None
    folder: Text = "INBOX"
    allow_senders: tuple[Sender, ...] = ()
    deny_senders: tuple[Sender, ...] = ()


class ProcessTable(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A process as the file writes it; `settings.Process` is what it becomes."""

    title: Text | None = None
    stage: tuple[Stage, ...]
    mailbox: tuple[MailboxTable, ...] = ()


class Archive(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the stream `mail.archive` keeps mails for replay; what comes first cuts it."""

    max_age_days: Annotated[float, Meta(gt=0, le=36_500)] = 30.0
    max_bytes: Annotated[int, Meta(ge=MIB, le=1024 * 1024 * GIB)] = 20 * GIB


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How large a mail may be, and how it travels."""

    # RabbitMQ 4 refuses messages over 16 MiB (max_message_size); a MiB is left for what is around the mail.
    inline_mail_bytes: Annotated[int, Meta(ge=0, le=15 * MIB)] = MIB
    # Reading a mail of 100 MiB stays within the 300 MB that one mail may take.
    max_mail_bytes: Annotated[int, Meta(ge=KIB, le=100 * MIB)] = 50 * MIB


class Fetcher(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fetcher's share of the mailboxes."""

    max_mailboxes: Annotated[int, Meta(ge=1, le=10_000)] = 100
    # Mails between a mail server and the broker, over all mailboxes of one fetcher; a larger one passes alone.
    max_buffered_bytes: Annotated[int, Meta(ge=1, le=16 * GIB)] = 32 * MIB


class Logs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the services log, to the standard error."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Router(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The router's share of the queue."""

    # AMQP 0-9-1 carries the prefetch count in 16 bits.
    prefetch_mails: Annotated[int, Meta(ge=1, le=65_535)] = 100


class CaseWriter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the case writer gathers mails for one transaction."""

    batch_mails: Annotated[int, Meta(ge=1, le=1000)] = 50


class Reading(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of a mail is read; what is over a limit is left out, and the whole mail is kept with the case."""

    max_header_bytes: Annotated[int, Meta(ge=KIB, le=16 * MIB)] = 256 * KIB
    max_nesting: Annotated[int, Meta(ge=1, le=1000)] = 40
    max_parts: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    max_attachments: Annotated[int, Meta(ge=0, le=10_000)] = 500
    max_text_chars: Annotated[int, Meta(ge=KIB, le=2_000_000)] = 500_000
    max_html_chars: Annotated[int, Meta(ge=KIB, le=5_000_000)] = 1_000_000
    max_html_bytes: Annotated[int, Meta(ge=KIB, le=5_000_000)] = 3_000_000
    max_subject_chars: Annotated[int, Meta(ge=80, le=10_000)] = 2000
    max_recipients: Annotated[int, Meta(ge=1, le=10_000)] = 500
    # A mail over these two is parked; they hold for mails that are read aside, in a process of their own.
    max_seconds: Annotated[float, Meta(gt=0, le=600)] = 5.0
    max_memory_bytes: Annotated[int, Meta(ge=128 * MIB, le=16 * GIB)] = 320 * MIB
    aside_bytes: Annotated[int, Meta(ge=0, le=GIB)] = 256 * KIB


class Sections(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sections that services use just as the file writes them."""

    broker: Broker = Broker()
    store: Store = Store()
    archive: Archive = Archive()
    limits: Limits = Limits()
    logs: Logs = Logs()
    fetcher: Fetcher = Fetcher()
    router: Router = Router()
    case_writer: CaseWriter = CaseWriter()
    case_reference: CaseReference = CaseReference()
    reading: Reading = Reading()


class SettingsFile(Sections, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    server: dict[Name, IncomingServer] = {}
    oauth2: dict[Name, OAuth2] = {}
    process: dict[Name, ProcessTable]
