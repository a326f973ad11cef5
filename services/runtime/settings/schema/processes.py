"""Processes as the settings write them: stages, roles, mailboxes, rules. One struct a table; see
`file.py`."""

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
    # Whether [#235] is read in addition to the form with the prefix; false needs a prefix.
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


class Snippet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ready-made text that the desk offers to whoever writes an answer.

    `{{ name }}` stands for a value of the case, where `name` is one of SNIPPET_VALUES. Nothing else
    is evaluated.
    """

    title: Text
    text: Template


# `author` is the name of whoever wrote the mail that is answered, `me` that of whoever answers.
SNIPPET_VALUES: Final = ("reference", "number", "title", "process", "stage", "author", "me")


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
    snippet: tuple[Snippet, ...] = ()
    # Our own: an invoice to another buyer is flagged.
    own_tax_ids: tuple[TaxId, ...] = ()
    # Closed cases are removed after so many days; 0: they are kept.
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
