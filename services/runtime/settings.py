"""The settings: one TOML file, validated whole at start, handed on as frozen structs.

    settings = load_settings(Path("mailcase.toml"), os.environ)

Nothing else reads the file or the environment, but for passwords, which are read at each connection.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from services.runtime.errors import Mistake, SettingsError
from services.runtime.masking import mask_secrets
from services.runtime.settings_checks import check
from services.runtime.settings_file import read_tree
from services.runtime.settings_shapes import (
    Archive,
    Broker,
    CaseReference,
    CaseWriter,
    Fetcher,
    IncomingServer,
    Limits,
    Logs,
    MailboxTable,
    OAuth2,
    ProcessTable,
    Reading,
    Router,
    Rules,
    Sections,
    SettingsFile,
    Stage,
    Store,
)
from services.runtime.settings_walker import Walker

__all__ = [
    "Archive",
    "Broker",
    "CaseReference",
    "CaseWriter",
    "Fetcher",
    "IncomingServer",
    "Limits",
    "Logs",
    "Mailbox",
    "OAuth2",
    "Process",
    "Reading",
    "Router",
    "Rules",
    "Settings",
    "Stage",
    "Store",
    "load_settings",
    "masked",
]

URL_VARIABLES = {"broker": "MAILCASE_BROKER_URL", "store": "MAILCASE_STORE_URL"}
MAX_PASSWORD_BYTES = 64 * 1024

_NO_SECRETS_HERE = "a secret never stands in this file: name its file in password_file or its variable in password_env"
_MENDS = dict.fromkeys(("password", "passwd", "pass", "secret"), _NO_SECRETS_HERE)


class Mailbox(Struct, frozen=True, kw_only=True):
    """One account and folder on a mail server; `process` and `server` are names.

    Exactly one of `password_file`, `password_env` and `oauth2` (the name of a section) is not None.
    """

    name: str
    process: str
    server: str
    address: str
    user: str
    password_file: Path | None = None
    password_env: str | None = None
    oauth2: str | None = None
    folder: str = "INBOX"
    allow_senders: tuple[str, ...] = ()
    deny_senders: tuple[str, ...] = ()

    def password(self, environ: Mapping[str, str]) -> str:
        """The password as it is now, without one newline at its end; never empty, always one line.

        Call it at each connection, so that a changed password needs no restart. A file is read, so it may block.

        :raises SettingsError: naming mailbox and mend, if it cannot be had. It may be there a moment later, when
            whoever rotates secrets is done: worth another try.
        """
        if self.password_file is not None:
            where, secret = str(self.password_file), self._from_file(self.password_file)
        else:
            where, secret = f"the variable {self.password_env}", self._from_variable(environ)
        secret = secret.removesuffix("\n").removesuffix("\r")
        if not secret:
            raise self._no_password(f"{where} is empty", "put the password there")
        if any(character in secret for character in "\r\n\0"):
            # A line break would end the log-in command of POP3 and begin another.
            raise self._no_password(f"{where} holds more than one line", "leave the password alone there")
        return secret

    def _from_file(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                return file.read(MAX_PASSWORD_BYTES).decode()
        except OSError as error:
            mend = "put the password into this file and let the user of this service read it"
            raise self._no_password(f"{path} cannot be read: {error.strerror}", mend) from error
        except UnicodeDecodeError:
            # Not chained: the error carries the bytes.
            raise self._no_password(f"{path} is not UTF-8", "save the password as UTF-8") from None

    def _from_variable(self, environ: Mapping[str, str]) -> str:
        secret = environ.get(self.password_env or "")
        if secret is None:
            raise self._no_password(f"the variable {self.password_env} is not set", "set it for this service")
        if not secret.isascii() and any("\ud800" <= character <= "\udfff" for character in secret):
            # What os.environ makes of other bytes; encoding it later would raise an error that carries the password.
            raise self._no_password(f"the variable {self.password_env} is not UTF-8", "set it as UTF-8")
        return secret

    def _no_password(self, problem: str, mend: str) -> SettingsError:
        return SettingsError([Mistake(f"mailbox {self.name}", f"no password: {problem}", mend)], mailbox=self.name)


class Process(Rules, frozen=True, kw_only=True):
    """A workflow: at least one stage, exactly one of them initial; mailboxes in the order of the file, maybe none."""

    name: str
    title: str
    stages: tuple[Stage, ...]
    mailboxes: tuple[Mailbox, ...] = ()

    @property
    def initial_stage(self) -> Stage:
        """The stage at which its cases open."""
        return next(stage for stage in self.stages if stage.initial)


class Settings(Sections, frozen=True, kw_only=True):
    """Everything that is set. The mappings go by name, in the order of the file."""

    servers: Mapping[str, IncomingServer]
    oauth2: Mapping[str, OAuth2] = {}
    processes: Mapping[str, Process]
    mailboxes: Mapping[str, Mailbox]


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
    for process in shown["processes"].values():
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
    processes = {name: _process(name, table, base) for name, table in file.process.items()}
    mailboxes = {mailbox.name: mailbox for process in processes.values() for mailbox in process.mailboxes}
    sections = {name: getattr(file, name) for name in Sections.__struct_fields__}
    key_file = _under(base, file.case_reference.key_file)
    sections["case_reference"] = replace(file.case_reference, key_file=key_file)
    servers = {name: replace(server, ca_file=_under(base, server.ca_file)) for name, server in file.server.items()}
    oauth2 = {name: replace(one, secret_file=_under(base, one.secret_file)) for name, one in file.oauth2.items()}
    return Settings(servers=servers, oauth2=oauth2, processes=processes, mailboxes=mailboxes, **sections)


def _process(name: str, table: ProcessTable, base: Path) -> Process:
    return Process(
        name=name,
        title=table.title or name,
        stages=table.stage,
        mailboxes=tuple(_mailbox(name, mailbox, base) for mailbox in table.mailbox),
        **{rule: getattr(table, rule) for rule in Rules.__struct_fields__},
    )


def _mailbox(process: str, table: MailboxTable, base: Path) -> Mailbox:
    known = asdict(table) | {
        "name": table.name or process,
        "user": table.user or table.address,
        "password_file": _under(base, table.password_file),
    }
    return Mailbox(process=process, **known)


def _under(base: Path, path: Path | None) -> Path | None:
    return None if path is None else base / path
