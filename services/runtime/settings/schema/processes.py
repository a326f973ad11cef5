"""Processes in the settings: stages, roles, mailboxes, rules. One struct per table; see
`file.py`.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from services.runtime.settings.case_fields import Field
from services.runtime.settings.fields import (
    Address,
    Assignee,
    Duration,
    Name,
    Sender,
    TaxId,
    Template,
    Text,
    User,
    Variable,
)


class OnEnter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens automatically when a person or a program moves a case into a stage. A mail never
    triggers it.
    """

    assign: Assignee | None = None
    # `participants`, or a fixed address; None: nothing is sent.
    send_to: Literal["participants"] | Address | None = None
    subject: Template | None = None
    text: Template | None = None


class Stage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of a process. Once built, `title` is the name if no title is given."""

    name: Name
    title: Text = ""
    initial: bool = False
    # Entering it closes the case.
    final: bool = False
    next: tuple[Name, ...] = ()
    # How long a case may stay before it is overdue; None: no limit.
    due_after: Duration | None = None
    # Who may move a case out of this stage; empty: everyone who may work on it.
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
    # Whether [#235] is read in addition to the form with the prefix; false needs a prefix.
    read_bare: bool = True
    # One key per line; the first signs, all verify. None: our Message-IDs are not recognized.
    key_file: Path | None = None


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a process that decide where a mail goes."""

    # Whether a number may lead to another process's case.
    reference_scope: Literal["any", "process"] = "any"
    # Who may add to a case: anyone; participants only, while others open a case; participants only,
    # while others wait for a person.
    reply_from: Literal["anyone", "participants", "hold"] = "anyone"
    # What happens to a stranger's mail that only has the number, but another title, and does not
    # answer a mail of the case.
    number_from_strangers: Literal["join", "refer"] = "join"
    reply_to_closed: Literal["reopen", "append", "new-case"] = "reopen"
    # 0: no limit.
    max_new_cases_per_sender: Annotated[int, Meta(ge=0, le=100_000)] = 20
    # 0: no limit. Every new case of a mailbox writes its count, so writers race for it.
    max_new_cases_per_mailbox: Annotated[int, Meta(ge=0, le=10_000)] = 0
    new_cases_window_s: Annotated[float, Meta(gt=0, le=86_400)] = 600.0
    spam: Literal["flag", "park", "accept"] = "flag"
    # The authserv-id of RFC 8601 section 2.5; empty: Authentication-Results are not trusted.
    authentication_server: Annotated[
        str, Meta(pattern=r"\A[^\s;]{0,253}\Z", description="a server's name")
    ] = ""


class Acknowledgement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The automatic answer to a mail that opens a case. A template that is None is the built-in one
    for `language`.
    """

    enabled: bool = False
    language: Literal["en", "pl", "de"] = "en"
    subject: Template | None = None
    text: Template | None = None


class Access(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who has a role in a process."""

    # reader, worker or manager, or a role that the process defines, which includes worker.
    role: Name
    users: tuple[User, ...] = ()
    groups: tuple[Text, ...] = ()


class Snippet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ready-made text that the desk offers to the writer of an answer.

    `{{ name }}` is replaced by a value of the case; `name` is one of SNIPPET_VALUES. Nothing else
    is evaluated.
    """

    title: Text
    text: Template


# `author` is the name of the author of the answered mail, `me` the name of the writer of the
# answer.
SNIPPET_VALUES: Final = ("reference", "number", "title", "process", "stage", "author", "me")


class MailboxTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mailbox in the file; it becomes a `settings.Mailbox`."""

    name: Name | None = None
    server: Name
    address: Address
    user: Text | None = None
    password_file: Path | None = None
    password_env: Variable | None = None
    oauth2: Name | None = None
    folder: Text = "INBOX"
    # Whether mail to local+235@domain also arrives here (RFC 5233).
    plus_addressing: bool = False
    allow_senders: tuple[Sender, ...] = ()
    deny_senders: tuple[Sender, ...] = ()


class ProcessTable(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A process in the file; it becomes a `settings.Process`."""

    title: Text | None = None
    stage: tuple[Stage, ...]
    mailbox: tuple[MailboxTable, ...] = ()
    smtp: Name | None = None
    from_address: Address | None = None
    from_name: Text | None = None
    acknowledgement: Acknowledgement = Acknowledgement()
    access: tuple[Access, ...] = ()
    field: tuple[Field, ...] = ()
    snippet: tuple[Snippet, ...] = ()
    # Our own tax numbers: an invoice to another buyer is flagged.
    own_tax_ids: tuple[TaxId, ...] = ()
    # Closed cases are emptied after this many days; 0: they are kept.
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
