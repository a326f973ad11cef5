"""The sections of the settings, one struct each. A new section is a new struct and a line in
`Sections`.

The structs are the only place for names, types, ranges and defaults; a test compares
docs/settings.md with them.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from services.runtime.masking import mask_secrets
from services.runtime.settings.case_fields import Field
from services.runtime.settings.fields import (
    GIB,
    KIB,
    MIB,
    Address,
    Assignee,
    Day,
    Duration,
    Host,
    Name,
    Port,
    Sender,
    TaxId,
    Template,
    Text,
    TokenUrl,
    User,
    Variable,
)
from services.runtime.settings.schema_desk import Desk

_USUAL_PORTS = {
    ("imap", True): 993,
    ("imap", False): 143,
    ("pop3", True): 995,
    ("pop3", False): 110,
}


class _Connection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server by its URL, which may hold a password: and is never shown."""

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
    """How access tokens for mailboxes are had (RFC 6749); exactly one of `secret_file` and
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
    """An SMTP server that mail is handed to, as the file writes it; `settings.Smtp` is what it
    becomes.
    """

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


class OnEnter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens by itself when a person or a program moves a case into a stage; no mail triggers
    it.
    """

    assign: Assignee | None = None
    # `participants`, or a fixed address; None: nothing is sent.
    send_to: Literal["participants"] | Address | None = None
    subject: Template | None = None
    text: Template | None = None


class Stage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of a process. Once built, `title` is the name if none is given."""

    name: Name
    title: Text = ""
    initial: bool = False
    # Entering it closes the case.
    final: bool = False
    next: tuple[Name, ...] = ()
    # How long a case may stay before it is overdue; None: as long as it likes.
    due_after: Duration | None = None
    # Who may move a case out of this stage; empty: whoever may work on it.
    roles: tuple[Name, ...] = ()
    on_enter: OnEnter = OnEnter()

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
    # Whether [#235] is read beside the form with the prefix; false needs a prefix.
    read_bare: bool = True
    # One key a line, the first signs, all of them verify; None: our Message-IDs are not recognised.
    key_file: Path | None = None


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a process's settings decides where a mail goes."""

    # Whether a number may lead to another process's case.
    reference_scope: Literal["any", "process"] = "any"
    # Who may add to a case: anyone; participants, and others open a case; participants, and others
    # wait for a person.
    reply_from: Literal["anyone", "participants", "hold"] = "anyone"
    # What a stranger's mail does that has only the number, with another title and no mail of the
    # case that it answers.
    number_from_strangers: Literal["join", "refer"] = "join"
    reply_to_closed: Literal["reopen", "append", "new-case"] = "reopen"
    # 0: no limit.
    max_new_cases_per_sender: Annotated[int, Meta(ge=0, le=100_000)] = 20
    # 0: no limit. Every new case of a mailbox writes its count, so writers race for it.
    max_new_cases_per_mailbox: Annotated[int, Meta(ge=0, le=10_000)] = 0
    new_cases_window_s: Annotated[float, Meta(gt=0, le=86_400)] = 600.0
    spam: Literal["flag", "park", "accept"] = "flag"
    # The authserv-id of RFC 8601 section 2.5; empty: Authentication-Results are not believed.
    authentication_server: Annotated[
        str, Meta(pattern=r"\A[^\s;]{0,253}\Z", description="a server's name")
    ] = ""


class Acknowledgement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The automatic answer to a mail that opens a case; the templates that are None are those of
    `language`.
    """

    enabled: bool = False
    language: Literal["en", "pl", "de"] = "en"
    subject: Template | None = None
    text: Template | None = None


class Access(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who has a role in a process."""

    # reader, worker or manager, or a name of the process's own, which works as worker.
    role: Name
    users: tuple[User, ...] = ()
    groups: tuple[Text, ...] = ()


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
    # Whether mail to local+235@domain comes here too (RFC 5233).
    plus_addressing: bool = False
    allow_senders: tuple[Sender, ...] = ()
    deny_senders: tuple[Sender, ...] = ()


class ProcessTable(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A process as the file writes it; `settings.Process` is what it becomes."""

    title: Text | None = None
    stage: tuple[Stage, ...]
    mailbox: tuple[MailboxTable, ...] = ()
    smtp: Name | None = None
    from_address: Address | None = None
    from_name: Text | None = None
    acknowledgement: Acknowledgement = Acknowledgement()
    access: tuple[Access, ...] = ()
    field: tuple[Field, ...] = ()
    # Our own: an invoice to another buyer is flagged.
    own_tax_ids: tuple[TaxId, ...] = ()
    # Closed cases are removed after so many days; 0: they are kept.
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0


class Archive(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the stream `mail.archive` keeps mails for replay; what comes first cuts it."""

    max_age_days: Annotated[float, Meta(gt=0, le=36_500)] = 30.0
    max_bytes: Annotated[int, Meta(ge=MIB, le=1024 * 1024 * GIB)] = 20 * GIB


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How large a mail may be, and how it travels."""

    # RabbitMQ 4 refuses messages over 16 MiB (max_message_size); a MiB is left for what is around
    # the mail.
    inline_mail_bytes: Annotated[int, Meta(ge=0, le=15 * MIB)] = MIB
    # Reading a mail of 100 MiB stays within the 300 MB that one mail may take.
    max_mail_bytes: Annotated[int, Meta(ge=KIB, le=100 * MIB)] = 50 * MIB


class Fetcher(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fetcher's share of the mailboxes."""

    max_mailboxes: Annotated[int, Meta(ge=1, le=10_000)] = 100
    # Mails between a mail server and the broker, over all mailboxes of one fetcher; a larger one
    # passes alone.
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

    batch_mails: Annotated[int, Meta(ge=1, le=1000)] = 200


class Extractor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of a mail is read for fields; a mail over these limits is flagged and keeps its
    case.
    """

    prefetch_mails: Annotated[int, Meta(ge=1, le=1000)] = 20
    # For a mail with all its attachments, in a process of its own.
    max_seconds: Annotated[float, Meta(gt=0, le=600)] = 5.0
    max_memory_bytes: Annotated[int, Meta(ge=128 * MIB, le=16 * GIB)] = 300 * MIB
    # A larger attachment is not looked at.
    max_document_bytes: Annotated[int, Meta(ge=KIB, le=100 * MIB)] = 20 * MIB


class SenderLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How mail goes out, and how much of it by itself; the limits hold over all senders together."""

    mails_at_once: Annotated[int, Meta(ge=1, le=100)] = 4
    sweep_interval_s: Annotated[float, Meta(gt=0, le=3600)] = 5.0
    # Pauses between attempts double from the first to the second.
    retry_first_s: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    retry_longest_s: Annotated[float, Meta(gt=0, le=86_400)] = 1800.0
    # RFC 5321 section 4.5.4.1 asks for four or five days; people want to know sooner.
    give_up_after_s: Annotated[float, Meta(gt=0, le=2_592_000)] = 172_800.0
    # 0: no limit.
    max_acknowledgements_per_address: Annotated[int, Meta(ge=0, le=1000)] = 5
    acknowledgements_window_s: Annotated[float, Meta(gt=0, le=86_400)] = 3600.0
    max_automatic_mails_per_minute: Annotated[int, Meta(ge=1, le=1000)] = 60
    breaker_pause_s: Annotated[float, Meta(gt=0, le=86_400)] = 300.0
    # An automatic mail that is still not out by then is not sent any more.
    automatic_within_s: Annotated[float, Meta(gt=0, le=2_592_000)] = 86_400.0
    max_recipients: Annotated[int, Meta(ge=1, le=1000)] = 100
    max_mail_bytes: Annotated[int, Meta(ge=64 * KIB, le=100 * MIB)] = 25 * MIB


class Reading(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of a mail is read; what is over a limit is left out, and the whole mail is kept with
    the case.
    """

    max_header_bytes: Annotated[int, Meta(ge=KIB, le=16 * MIB)] = 256 * KIB
    max_nesting: Annotated[int, Meta(ge=1, le=1000)] = 40
    max_parts: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    max_attachments: Annotated[int, Meta(ge=0, le=10_000)] = 500
    max_text_chars: Annotated[int, Meta(ge=KIB, le=2_000_000)] = 500_000
    max_html_chars: Annotated[int, Meta(ge=KIB, le=5_000_000)] = 1_000_000
    max_html_bytes: Annotated[int, Meta(ge=KIB, le=5_000_000)] = 3_000_000
    max_subject_chars: Annotated[int, Meta(ge=80, le=10_000)] = 2000
    max_recipients: Annotated[int, Meta(ge=1, le=10_000)] = 500
    # A mail over these two is parked; they hold for mails that are read aside, in a process of
    # their own.
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
    extractor: Extractor = Extractor()
    case_reference: CaseReference = CaseReference()
    reading: Reading = Reading()
    sender: SenderLimits = SenderLimits()
    desk: Desk = Desk()


class SettingsFile(Sections, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    server: dict[Name, IncomingServer] = {}
    oauth2: dict[Name, OAuth2] = {}
    smtp: dict[Name, OutgoingServer] = {}
    process: dict[Name, ProcessTable]
