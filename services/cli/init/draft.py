"""The results of the conversation so far, and the settings made of them. Pure.

A draft never contains a secret: secrets are separate files.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from services.cli.init.discovery.servers import USUAL_PORTS, Provider
from services.cli.init.templates import FieldDraft, StageDraft


@dataclass(frozen=True)
class OAuth2Draft:
    """A section `[oauth2.NAME]`."""

    name: str
    provider: Provider
    secret_file: str
    tenant: str = ""
    client_id: str = ""
    token_url: str = ""


@dataclass(frozen=True)
class ServerDraft:
    """A section `[server.NAME]` or `[smtp.NAME]`; `section` is the first word.

    `exists` if the settings have it already.
    """

    section: Literal["server", "smtp"]
    name: str
    protocol: Literal["imap", "pop3", "smtp"]
    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    ca_file: Path | None = None
    delete: bool = False
    # of [smtp.NAME]
    user: str = ""
    password_file: str = ""
    oauth2: str = ""
    exists: bool = False


@dataclass(frozen=True)
class MailboxDraft:
    """An entry `[[process.NAME.mailbox]]`. `name` is empty if the name of the process is free."""

    process: str
    server: str
    address: str
    user: str
    name: str = ""
    password_file: str = ""
    oauth2: str = ""
    folder: str = "INBOX"


@dataclass(frozen=True)
class ProcessDraft:
    """A section `[process.NAME]`. `smtp` is empty if it sends nothing."""

    name: str
    title: str
    stages: tuple[StageDraft, ...]
    fields: tuple[FieldDraft, ...] = ()
    smtp: str = ""
    acknowledge: bool = False


@dataclass(frozen=True)
class Draft:
    """Everything that is added to the settings. A part is None if it already exists or is not
    wanted.
    """

    mailbox: MailboxDraft
    server: ServerDraft | None
    process: ProcessDraft | None
    oauth2: OAuth2Draft | None = None
    smtp: ServerDraft | None = None
    key_file: str = ""

    def text(self) -> str:
        """The sections as TOML, with comments."""
        parts = [
            *(_keys(self.key_file) if self.key_file else ()),
            *(_oauth2(self.oauth2) if self.oauth2 else ()),
            *(_server(self.server) if self.server else ()),
            *(_server(self.smtp) if self.smtp else ()),
            *(_process(self.process) if self.process else ()),
            *_mailbox(self.mailbox),
        ]
        return "\n".join(parts) + "\n"


HEADER = """\
# Settings of Mailcase, written by `mailcase init`. You can edit them; your comments stay.
# `mailcase check` tests this file. All settings: docs/settings.md
"""
ADDED = "\n# Added by `mailcase init`.\n"


def _line(key: str, value: object, comment: str = "") -> str:
    line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
    return f"{line:<43} # {comment}" if comment else line


def _keys(file: str) -> Iterator[str]:
    yield "\n# Signs the Message-IDs of our mail, so that answers find their case."
    yield "[case_reference]"
    yield _line("key_file", file, "keep it: old answers need it")


def _oauth2(draft: OAuth2Draft) -> Iterator[str]:
    yield "\n# Access tokens instead of passwords; docs/mailboxes.md has the provider's side."
    yield f"[oauth2.{draft.name}]"
    yield _line("provider", draft.provider)
    if draft.tenant:
        yield _line("tenant", draft.tenant)
    if draft.client_id:
        yield _line("client_id", draft.client_id)
    if draft.token_url:
        yield _line("token_url", draft.token_url)
    yield _line("secret_file", draft.secret_file)


def _server(draft: ServerDraft) -> Iterator[str]:
    incoming = draft.section == "server"
    what = "Where mail is read from." if incoming else "Where acknowledgements and answers go out."
    yield f"\n# {what}"
    yield f"[{draft.section}.{draft.name}]"
    if incoming:
        yield _line("protocol", draft.protocol, "imap | pop3")
    yield _line("host", draft.host)
    if draft.security != "tls":
        yield _line("security", draft.security, "tls | starttls | none")
    if draft.port != USUAL_PORTS[draft.protocol, draft.security]:
        yield _line("port", draft.port)
    if draft.ca_file is not None:
        yield _line("ca_file", str(draft.ca_file), "instead of the system's authorities")
    if incoming:
        kept = "recorded mails stay there, flagged" if draft.protocol == "imap" else "mails stay"
        comment = "recorded mails are deleted there" if draft.delete else kept
        yield _line("delete_after_fetch", draft.delete, comment)
        return
    if draft.user:
        yield _line("user", draft.user)
    yield from _credential(draft.password_file if draft.user else "", draft.oauth2)


def _credential(password_file: str, oauth2: str) -> Iterator[str]:
    if oauth2:
        yield _line("oauth2", oauth2)
    elif password_file:
        yield _line("password_file", password_file, "next to this file; the password alone")


def _process(draft: ProcessDraft) -> Iterator[str]:
    yield "\n# Each mail opens a case, which goes through these stages."
    yield f"[process.{draft.name}]"
    yield _line("title", draft.title)
    if draft.smtp:
        yield _line("smtp", draft.smtp)
        yield f"\n[process.{draft.name}.acknowledgement]"
        yield _line("enabled", draft.acknowledge, "an automatic answer with the case's number")
        yield _line("language", "en", "en | pl | de")
    for position, stage in enumerate(draft.stages):
        yield f"\n[[process.{draft.name}.stage]]"
        yield from _stage(stage, initial=position == 0)
    for entry in draft.fields:
        yield f"\n[[process.{draft.name}.field]]"
        yield _line("name", entry.name)
        yield _line("title", entry.title)
        yield _line("type", entry.type)


def _stage(stage: StageDraft, *, initial: bool) -> Iterator[str]:
    yield _line("name", stage.name)
    if stage.title != stage.name:
        yield _line("title", stage.title)
    if initial:
        yield _line("initial", True, "new cases begin here")
    if stage.next:
        yield _line("next", list(stage.next), "where a case may go from here")
    elif not initial:
        yield _line("final", True, "entering it closes the case")
    if stage.due_after:
        yield _line("due_after", stage.due_after, "then the case is overdue")


def _mailbox(draft: MailboxDraft) -> Iterator[str]:
    yield f"\n[[process.{draft.process}.mailbox]]"
    if draft.name:
        yield _line("name", draft.name)
    yield _line("server", draft.server)
    yield _line("address", draft.address)
    if draft.user != draft.address:
        yield _line("user", draft.user)
    if draft.folder != "INBOX":
        yield _line("folder", draft.folder)
    yield from _credential(draft.password_file, draft.oauth2)
