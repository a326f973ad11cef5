"""The settings as the program uses them: frozen structs, with names resolved and paths absolute."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from services.runtime.masking import mask_secrets
from services.runtime.settings.accounts import Account
from services.runtime.settings.case_fields import Field
from services.runtime.settings.schema.file import Sections
from services.runtime.settings.schema.processes import (
    Access,
    Acknowledgement,
    Rules,
    Snippet,
    Stage,
)
from services.runtime.settings.schema.servers import IncomingServer, OAuth2


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
    """A server for outgoing mail; `user` is None if there is no log-in."""

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
    """A workflow with at least one stage, exactly one of them initial; mailboxes in the order of
    the file.

    `smtp` names the server for its outgoing mail, None if it sends none. `from_address` is None if
    mail has the address of the case's mailbox.
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
    snippets: tuple[Snippet, ...] = ()
    own_tax_ids: tuple[str, ...] = ()
    retention_days: int = 0

    @property
    def initial_stage(self) -> Stage:
        """The stage at which its cases open."""
        return next(stage for stage in self.stages if stage.initial)

    def stage(self, name: str) -> Stage | None:
        """The stage with that name; None if there is none."""
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def reads_headers(self) -> bool:
        """Whether a field comes from headers, so that whole mails must be kept."""
        kinds = {source.source for field in self.fields for source in field.sources}
        return not kinds.isdisjoint({"plus", "header"})

    def field(self, name: str) -> Field | None:
        """The field with that name; None if there is none."""
        return next((field for field in self.fields if field.name == name), None)


class Settings(Sections, frozen=True, kw_only=True):
    """All settings. The mappings are by name, in the order of the file."""

    servers: Mapping[str, IncomingServer]
    oauth2: Mapping[str, OAuth2] = {}
    smtp: Mapping[str, Smtp] = {}
    processes: Mapping[str, Process]
    mailboxes: Mapping[str, Mailbox]

    @property
    def own_addresses(self) -> frozenset[str]:
        """The addresses of all mailboxes in lower case."""
        return frozenset(mailbox.address.lower() for mailbox in self.mailboxes.values())

    @property
    def initial_stages(self) -> dict[str, str]:
        """The name of the stage where a new case begins, by process."""
        return {name: process.initial_stage.name for name, process in self.processes.items()}


def masked(settings: Settings) -> dict[str, Any]:
    """The settings as plain values for one log line, without passwords in URLs, users and
    addresses.
    """
    shown: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=str)
    for mailbox in shown["mailboxes"].values():
        mailbox |= {"address": "***", "user": "***"}
    for smtp in shown["smtp"].values():
        smtp |= {"user": "***"}
    shown["desk"]["admins"] = len(settings.desk.admins)
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
