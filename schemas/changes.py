"""The history of a case: who did what, and when. One change per revision, append-only.

A change contains everything that it does to the case document, so that the document can be rebuilt
from the history (`services.casework.history`). The history is also the outbox of events: the
transaction that writes changes also writes a `Publication` of them. Any process that finds one
publishes the changes and removes it.
"""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

ActorKind = Literal["mail", "person", "token", "rule"]


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who made a change.

    `id` is the mail key, the user's address, the token's id, or the rule's name. `name` is for
    people; it is empty when there is none.
    """

    kind: ActorKind
    id: str
    name: str = ""


class FieldValue(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a case with the evidence it came from.

    `value` is in the normal form of the field's type: text for everything except `bool`; an ISO
    date; a decimal with a point; an amount as `1234.56 PLN`. `source` is `person` or the name of a
    source in the settings; `evidence` is the place of the value, empty for a person's value; `by`
    is the id of the actor or the mail key; `rule` is the hash of the rule that read it, None for a
    person's.
    """

    value: str | bool
    source: str
    evidence: str
    by: str
    at: datetime
    rule: str | None = None


LinkKind = Literal["duplicate-of", "corrects", "corrected-by"]


class CaseLink(msgspec.Struct, frozen=True, kw_only=True):
    """The relation of the case to case `case`; `by` is how it was found: `ksef-number`, `xml`,
    `invoice` or `fields`.
    """

    case: int
    kind: LinkKind
    by: str


class _What(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What a change does to its case."""


class Adopted(_What, frozen=True, kw_only=True, tag="adopted"):
    """The state of a case that is older than its history; always revision 1."""

    process: str
    stage: str
    status: Literal["open", "closed"]
    title: str
    mailbox: str
    opened_at: datetime


class Opened(_What, frozen=True, kw_only=True, tag="opened"):
    """The case was opened: by a mail, or by a split from `split_from`.

    `due_at` follows from the stage. `opened_at` is the time of the mail, not of the writing.
    """

    process: str
    stage: str
    title: str
    mailbox: str
    opened_at: datetime
    comment: str
    due_at: datetime | None = None
    refers_to: int | None = None
    split_from: int | None = None


class MailAdded(_What, frozen=True, kw_only=True, tag="mail-added"):
    """A mail became the comment `comment`; `kind` is the comment's.

    `reopened` is true when the case was closed until then; `due_at` is set with it.
    """

    comment: str
    kind: str = "mail"
    reopened: bool = False
    due_at: datetime | None = None


class Rederived(_What, frozen=True, kw_only=True, tag="rederived"):
    """A replay read the mail of `comment` again.

    `title` is the case's new title, None if it stays. It changes only if it is still `was_title`.
    """

    comment: str
    title: str | None = None
    was_title: str | None = None


class Sent(_What, frozen=True, kw_only=True, tag="sent"):
    """An outgoing mail is finished and is shown as `comment`; `state` is that of the outbox."""

    comment: str
    state: str


class MailMoved(_What, frozen=True, kw_only=True, tag="mail-moved"):
    """A rederived mail left for case `to`, or came from case `was`; exactly one of them is not
    None.
    """

    comment: str
    to: int | None = None
    was: int | None = None


class Answered(_What, frozen=True, kw_only=True, tag="answered"):
    """An answer was put into the outbox as `outgoing`; its comment appears once it is sent."""

    outgoing: str
    to: list[str]


class AnswerRecalled(_What, frozen=True, kw_only=True, tag="answer-recalled"):
    """The answer `outgoing` was taken back before it was sent."""

    outgoing: str


class Noted(_What, frozen=True, kw_only=True, tag="noted"):
    """A note became the comment `comment`."""

    comment: str


class StageMoved(_What, frozen=True, kw_only=True, tag="stage-moved"):
    """The case entered `to`. `closed` is true if that stage is final, and `reopened` if it left a
    final one.

    `from_process` and `to_process` differ when the case went to another process.
    """

    from_stage: str
    to_stage: str
    from_process: str
    to_process: str
    due_at: datetime | None = None
    closed: bool = False
    reopened: bool = False


class Assigned(_What, frozen=True, kw_only=True, tag="assigned"):
    """`to` is the new assignee; None if there is none."""

    was: str | None
    to: str | None


class Titled(_What, frozen=True, kw_only=True, tag="titled"):
    """The title changed."""

    was: str
    to: str


class DueSet(_What, frozen=True, kw_only=True, tag="due-set"):
    """The due date changed; None means none."""

    was: datetime | None
    to: datetime | None


class Overdue(_What, frozen=True, kw_only=True, tag="overdue"):
    """The case is still open after `due_at`."""

    due_at: datetime


class FieldsSet(_What, frozen=True, kw_only=True, tag="fields-set"):
    """Fields got values; None removes one. `was` has the values before, without those that had
    none.

    `flags` are the flags of the case from now on; None leaves them as they are. `candidates` are
    the values that mails of the case give for these fields from now on, an empty list if none gives
    any; fields that are not named keep theirs. `mail_flags` are the flags that these mails give the
    case from now on, in the same way.
    """

    values: dict[str, FieldValue | None]
    was: dict[str, FieldValue] = {}
    flags: list[str] | None = None
    candidates: dict[str, list[FieldValue]] = {}
    mail_flags: dict[str, list[str]] = {}


class Linked(_What, frozen=True, kw_only=True, tag="linked"):
    """Links to other cases were found, and those in `gone` were removed. `flags` are the flags of
    the case from now on.
    """

    links: list[CaseLink]
    flags: list[str]
    gone: list[CaseLink] = []


class Closed(_What, frozen=True, kw_only=True, tag="closed"):
    """The case was closed at the stage where it is."""


class Reopened(_What, frozen=True, kw_only=True, tag="reopened"):
    """The case was opened again at the stage where it is."""

    due_at: datetime | None = None


class Merged(_What, frozen=True, kw_only=True, tag="merged"):
    """This case was merged into `into`, or `absorbed` was merged into it; exactly one of them is
    not None.

    `was_status` is the status of the merged case before. `joined` are the participants that the
    target got from the merged case.
    """

    into: int | None = None
    absorbed: int | None = None
    was_status: Literal["open", "closed"] = "open"
    joined: list[str] = []


class Unmerged(_What, frozen=True, kw_only=True, tag="unmerged"):
    """This case left `out_of` and has `status` again, or gave back `released`.

    `left` are the participants that the target loses again.
    """

    out_of: int | None = None
    released: int | None = None
    status: Literal["open", "closed"] = "open"
    left: list[str] = []


class Split(_What, frozen=True, kw_only=True, tag="split"):
    """The comments `comments` went to the new case `to`."""

    to: int
    comments: list[str]


class Erased(_What, frozen=True, kw_only=True, tag="erased"):
    """A person's data was redacted. The change does not say whose.

    `title` is the redacted title, None if the title contained nothing of that person. `fields` are
    the names of the removed fields, and `candidates` the names of the fields whose candidates were
    removed.
    """

    comments: int
    title: str | None = None
    fields: list[str] = []
    candidates: list[str] = []


What = (
    Adopted
    | Opened
    | MailAdded
    | Rederived
    | Sent
    | MailMoved
    | Answered
    | AnswerRecalled
    | Noted
    | StageMoved
    | Assigned
    | Titled
    | DueSet
    | Overdue
    | FieldsSet
    | Linked
    | Closed
    | Reopened
    | Merged
    | Unmerged
    | Split
    | Erased
)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `changes`: the entry of revision `revision` of case `case`; `id` is `change_id` of
    both.

    `mail_key` is the mail that caused the change, None for most others. `process` is the case's
    after the change; events are routed by it.
    """

    COLLECTION: ClassVar[str] = "changes"

    id: str = msgspec.field(name="_id")
    case: int
    revision: int
    at: datetime
    actor: Actor
    process: str
    what: What
    mail_key: str | None = None


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `publications`: changes, written together, whose events may not have been
    published yet.

    `id` is that of the first change. `cases` are those of the changes.
    """

    COLLECTION: ClassVar[str] = "publications"

    id: str = msgspec.field(name="_id")
    changes: list[str]
    cases: list[int]
    at: datetime


def change_id(case: int, revision: int) -> str:
    """The key of a change: `235.17`."""
    return f"{case}.{revision}"


def is_change_id(text: str) -> bool:
    """Whether the text, such as `Mail.written_by`, is the key of a change."""
    case, dot, revision = text.partition(".")
    return bool(dot) and case.isdecimal() and revision.isdecimal()
