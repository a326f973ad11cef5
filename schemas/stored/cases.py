"""Cases, their comments and threads."""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from schemas.cases import CommentKind
from schemas.changes import CaseLink, FieldValue
from schemas.stored.documents import BlobId

NO_SUBJECT = "(no subject)"  # the title of a case whose mail has no subject
CaseStatus = Literal["open", "closed"]


class Person(msgspec.Struct, frozen=True):
    """A name and an address as written in a mail; either may be empty."""

    name: str
    address: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `cases`. `number` is global: 1, 2, 3 … without gaps. `participants` are addresses.

    `refers_to` is the case that the opening mail named but could not join, None for most.

    `revision` is the number of the last entry in the history, 0 for a case that is older than its
    history. `stage_since` is when the case entered its stage. `assignee` is a user's address, or
    `group:NAME`, None for nobody. `overdue_at` is when the case was found to be past `due_at`, None
    while it is not. `fields` go by the names in the settings. `flags` are constant words about the
    case. `merged_into` is the case that this one was merged into, None for most; `closed_at` is
    when the case was closed, None while it is open. `candidates` are the values of fields by mail,
    at most one of each mail for each field; `fields` contains the one that counts. `links` are
    related cases. `mail_flags` are the flags that reading a mail gave, by mail key; `flags` lacks
    those that a person has removed.
    """

    COLLECTION: ClassVar[str] = "cases"

    number: int = msgspec.field(name="_id")
    process: str
    stage: str
    status: CaseStatus
    title: str
    mailbox: str
    opened_at: datetime
    updated_at: datetime
    opened_by: Person
    participants: list[str]
    comment_count: int
    attachment_count: int
    refers_to: int | None = None
    revision: int = 0
    stage_since: datetime | None = None
    assignee: str | None = None
    due_at: datetime | None = None
    overdue_at: datetime | None = None
    fields: dict[str, FieldValue] = {}
    flags: list[str] = []
    merged_into: int | None = None
    closed_at: datetime | None = None
    candidates: dict[str, list[FieldValue]] = {}
    links: list[CaseLink] = []
    mail_flags: dict[str, list[str]] = {}


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a comment. `name` is safe for any file system; `size` is in bytes."""

    name: str
    content_type: str
    size: int
    sha256: str
    inline: bool
    content_id: str | None
    blob: BlobId
    original_name: str | None = None
    flags: list[str] = []


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `comments`: one entry of a case. `id` is the mail key if the entry is a mail.

    `text` is the author's new text; `full_text` includes the quotes. `html` is sanitized.
    `original` is the blob of the whole mail, None if it was not kept. `flags` are values of
    `schemas.flags`. `failure` contains the mail servers' responses if a mail of ours (`sent`) was
    not delivered; None for most.
    """

    COLLECTION: ClassVar[str] = "comments"

    id: str = msgspec.field(name="_id")
    case: int
    kind: CommentKind
    at: datetime
    sent_at: datetime | None
    author: Person
    subject: str
    text: str
    full_text: str
    html: str | None
    message_id: str | None
    in_reply_to: str | None
    attachments: list[Attachment]
    original: BlobId | None
    flags: list[str]
    failure: str | None = None


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `threads`: which case a Message-ID belongs to within a process; see `thread_id`.

    `claimed_by` is the key of the mail that has the id, None while mails only refer to it. `digest`
    is that mail's and identifies its copies; None for mails of ours and of earlier versions.
    """

    COLLECTION: ClassVar[str] = "threads"

    id: str = msgspec.field(name="_id")
    case: int
    claimed_by: str | None
    digest: str | None = None


def thread_id(process: str, message_id: str) -> str:
    """The key of a Message-ID within a process; names of processes contain no space."""
    return f"{process} {message_id}"
