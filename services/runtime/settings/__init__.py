"""The settings: one TOML file, validated whole at start, handed on as frozen structs.

    settings = load_settings(Path("mailcase.toml"), os.environ)

Nothing else reads the file or the environment, but for passwords, which are read at each connection.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec.structs import asdict, replace

from services.runtime.errors import SettingsError
from services.runtime.masking import mask_secrets
from services.runtime.settings.accounts import Account
from services.runtime.settings.convert import Walker
from services.runtime.settings.schema import (
    Access,
    Acknowledgement,
    Archive,
    Broker,
    CaseReference,
    CaseWriter,
    Fetcher,
    Field,
    IncomingServer,
    Limits,
    Logs,
    MailboxTable,
    OAuth2,
    OnEnter,
    OutgoingServer,
    ProcessTable,
    Reading,
    Router,
    Rules,
    Sections,
    SenderLimits,
    SettingsFile,
    Stage,
    Store,
)
from services.runtime.settings.toml_file import read_tree
from services.runtime.settings.validation import check

__all__ = [
    "Access",
    "Acknowledgement",
    "Archive",
    "Broker",
    "CaseReference",
    "CaseWriter",
    "Fetcher",
    "Field",
    "IncomingServer",
    "Limits",
    "Logs",
    "Mailbox",
    "OAuth2",
    "OnEnter",
    "Process",
    "Reading",
    "Router",
    "Rules",
    "SenderLimits",
    "Settings",
    "Smtp",
    "Stage",
    "Store",
    "load_settings",
    "masked",
]

URL_VARIABLES = {"broker": "MAILCASE_BROKER_URL", "store": "MAILCASE_STORE_URL"}

_NO_SECRETS_HERE = "a secret never stands in this file: name its file in password_file or its variable in password_env"
_MENDS = dict.fromkeys(("password", "passwd", "pass", "secret"), _NO_SECRETS_HERE)


class Mailbox(Account, frozen=True, kw_only=True):
    """One account and folder on a mail server; `process` and `server` are names.

    Exactly one of `password_file`, `password_env` and `oauth2` (the name of a section) is not None.
    """

    process: str
    server: str
    address: str
    user: str
    folder: str = "INBOX"
    plus_addressing: bool = False
    allow_senders: tuple[str, ...] = ()
    deny_senders: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        return f"mailbox {self.name}"

    @property
    def _mailbox(self) -> str | None:
        return self.name


class Smtp(Account, frozen=True, kw_only=True):
    """A server that outgoing mail is handed to; `user` is None where there is no log-in."""

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    ca_file: Path | None = None
    user: str | None = None
    timeout_s: float = 60.0

    @property
    def owner(self) -> str:
        return f"smtp {self.name}"


class Process(Rules, frozen=True, kw_only=True):
    """A workflow: at least one stage, exactly one of them initial; mailboxes in the order of the file, maybe none.

    `smtp` names the server that its mail goes out by, None where it sends none. `from_address` is None where mail goes
    out under the address of the case's mailbox.
    """

    name: str
    title: str
    stages: tuple[Stage, ...]
    mailboxes: tuple[Mailbox, ...] = ()
    smtp: str | None = None
    from_address: str | None = None
    from_name: str = ""
    acknowledgement: Acknowledgement = Acknowledgement()
    access: tuple[Access, ...] = ()
    fields: tuple[Field, ...] = ()
    retention_days: int = 0

    @property
    def initial_stage(self) -> Stage:
        """The stage at which its cases open."""
        return next(stage for stage in self.stages if stage.initial)

    def stage(self, name: str) -> Stage | None:
        """The stage of that name, None when there is none."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def field(self, name: str) -> Field | None:
        """The field of that name, None when there is none."""
        return next((field for field in self.fields if field.name == name), None)


class Settings(Sections, frozen=True, kw_only=True):
    """Everything that is set. The mappings go by name, in the order of the file."""

    servers: Mapping[str, IncomingServer]
    oauth2: Mapping[str, OAuth2] = {}
    smtp: Mapping[str, Smtp] = {}
    processes: Mapping[str, Process]
    mailboxes: Mapping[str, Mailbox]

    @property
    def own_addresses(self) -> frozenset[str]:
        """Of all mailboxes, in small letters."""
        return frozenset(mailbox.address.lower() for mailbox in self.mailboxes.values())

    @property
    def initial_stages(self) -> dict[str, str]:
        """The name of the stage where a new case begins, by process."""
        return {name: process.initial_stage.name for name, process in self.processes.items()}


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in the TOML file at `path`.

    `environ` may override the URLs of broker and store (`MAILCASE_BROKER_URL`, `MAILCASE_STORE_URL`; an empty one
    counts as absent). Relative paths in the file start at the file's own directory.

    :raises SettingsError: with every mistake at once; none of them shows a secret.
    """
    walker = Walker(_MENDS)
    # Stripped, because a secret made with `echo` ends in a newline.
    urls = {section: environ.get(name, "").strip() for section, name in URL_VARIABLES.items()}
    file = _with_urls(walker.table(SettingsFile, read_tree(path)), urls)
    sources = {section: URL_VARIABLES[section] if url else f"{section}.url" for section, url in urls.items()}
    mistakes = [*walker.mistakes, *check(file, {mistake.path for mistake in walker.mistakes}, sources)]
    if mistakes:
        raise SettingsError(mistakes, file=str(path))
    return _built(file, path.absolute().parent)


def masked(settings: Settings) -> dict[str, Any]:
    """The settings as plain values for one log line: no passwords in URLs, no users and no addresses."""
    shown: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=str)
    for mailbox in shown["mailboxes"].values():
        mailbox |= {"address": "***", "user": "***"}
    for smtp in shown["smtp"].values():
        smtp |= {"user": "***"}
    for process in shown["processes"].values():
        process |= {"from_address": "***"}
        process["mailboxes"] = [mailbox["name"] for mailbox in process["mailboxes"]]
    result: dict[str, Any] = _mask_all(shown)
    return result


def _mask_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _mask_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mask_all(item) for item in value]
    return mask_secrets(value) if isinstance(value, str) else value


def _with_urls(file: SettingsFile, urls: Mapping[str, str]) -> SettingsFile:
    return replace(
        file,
        broker=replace(file.broker, url=urls["broker"] or file.broker.url),
        store=replace(file.store, url=urls["store"] or file.store.url),
    )


def _built(file: SettingsFile, base: Path) -> Settings:
    processes = {name: _process(name, table, base, list(file.smtp)) for name, table in file.process.items()}
    mailboxes = {mailbox.name: mailbox for process in processes.values() for mailbox in process.mailboxes}
    sections = {name: getattr(file, name) for name in Sections.__struct_fields__}
    key_file = _under(base, file.case_reference.key_file)
    sections["case_reference"] = replace(file.case_reference, key_file=key_file)
    servers = {name: replace(server, ca_file=_under(base, server.ca_file)) for name, server in file.server.items()}
    oauth2 = {name: replace(one, secret_file=_under(base, one.secret_file)) for name, one in file.oauth2.items()}
    smtp = {name: _smtp(name, one, base) for name, one in file.smtp.items()}
    return Settings(servers=servers, oauth2=oauth2, smtp=smtp, processes=processes, mailboxes=mailboxes, **sections)


def _process(name: str, table: ProcessTable, base: Path, smtp: Sequence[str]) -> Process:
    return Process(
        name=name,
        title=table.title or name,
        stages=table.stage,
        mailboxes=tuple(_mailbox(name, mailbox, base) for mailbox in table.mailbox),
        smtp=table.smtp or (smtp[0] if len(smtp) == 1 else None),
        from_address=table.from_address,
        from_name=table.from_name or table.title or name,
        acknowledgement=table.acknowledgement,
        access=table.access,
        fields=table.field,
        retention_days=table.retention_days,
        **{rule: getattr(table, rule) for rule in Rules.__struct_fields__},
    )


def _mailbox(process: str, table: MailboxTable, base: Path) -> Mailbox:
    known = asdict(table) | {
        "name": table.name or process,
        "user": table.user or table.address,
        "password_file": _under(base, table.password_file),
    }
    return Mailbox(process=process, **known)


def _smtp(name: str, table: OutgoingServer, base: Path) -> Smtp:
    files = {"ca_file": _under(base, table.ca_file), "password_file": _under(base, table.password_file)}
    return Smtp(name=name, **(asdict(table) | files))


def _under(base: Path, path: Path | None) -> Path | None:
    return None if path is None else base / path
