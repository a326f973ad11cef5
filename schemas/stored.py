"""The documents in MongoDB. Field names are the contract; times are aware UTC, to the
millisecond.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import msgspec

from schemas.cases import CommentKind, Decision
from schemas.changes import CaseLink, FieldValue
from schemas.flags import CommentFlag

CaseStatus = Literal["open", "closed"]
UNDELIVERABLE = CommentFlag.UNDELIVERABLE
OutgoingKind = Literal["acknowledgement", "answer", "notice"]
OutgoingState = Literal[
    "pending", "claimed", "sent", "refused", "given-up", "suppressed", "recalled"
]
BLOB_MARK = "blob"
# The SHA-256 of a content in the blob store. The sweep keeps contents to which a document refers.
BlobId = Annotated[str, msgspec.Meta(extra={BLOB_MARK: True})]
Outcome = Literal["opened", "appended", "ignored", "parked"]


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


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `senders`: when an address recently opened cases of a process.

    `id` is the process, a space and the address; mails to a mailbox are counted under `mailbox: `
    and its name. `version` grows with each write, so that racing writers notice each other. MongoDB
    deletes the document after `expires_at`.
    """

    COLLECTION: ClassVar[str] = "senders"

    id: str = msgspec.field(name="_id")
    times: list[datetime]
    alerted_at: datetime | None
    version: int
    expires_at: datetime


class Discard(msgspec.Struct, frozen=True, kw_only=True):
    """Who (the account's name) discarded a parked mail or a dead letter, why and when."""

    by: str
    why: str
    at: datetime


class DiscardedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `discards`: a dead letter that a person removed from the broker.

    `body` is the blob of its bytes. `queue` and `reason` are where and why it became a dead letter.
    `tag` and `message_id` are its AMQP properties, empty if it had none.
    """

    COLLECTION: ClassVar[str] = "discards"

    id: str = msgspec.field(name="_id")
    queue: str
    tag: str
    message_id: str
    reason: str
    body: BlobId
    discarded: Discard


class LimitAlert(msgspec.Struct, frozen=True):
    """The mail was the first over its sender's or its mailbox's limit of new cases. `address` is
    that of its author, empty if there is none.
    """

    limit: Literal["sender", "mailbox"]
    address: str


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `mails`: the outcome of a mail, written once. `id` is the mail key.

    `raw` is the blob of the whole mail, always kept for `parked` and `ignored`. `reason` is a value
    of `schemas.reasons`. `deliveries` counts how often the mail was delivered, without replays.
    `written_by` names the writer's attempt, so that it recognizes its own work after an unclear
    commit; `counted_by` is the attempt that counted the last further delivery, so that none is
    counted twice. `rederived_at` is when a replay last replaced something derived from the mail.
    `moved_from` is the case that it left when a replay last moved it, `placed_by` the replay that
    caused this outcome; both are None for most. `reopened` is true if the mail reopened its case;
    `alert` is the alert sent with it. These serve events that are published late. `refers_to` is
    the case of the mail that this one is a copy of.
    """

    COLLECTION: ClassVar[str] = "mails"

    id: str = msgspec.field(name="_id")
    mailbox: str
    process: str
    outcome: Outcome
    case: int | None
    reason: str | None
    decision: Decision
    deliveries: int
    raw: BlobId | None
    received_at: datetime | None
    recorded_at: datetime
    written_by: str
    discarded: Discard | None = None
    rederived_at: datetime | None = None
    moved_from: int | None = None
    counted_by: str | None = None
    placed_by: str | None = None
    reopened: bool = False
    alert: LimitAlert | None = None
    refers_to: int | None = None


class OutgoingMail(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `outbox`: an outgoing mail of a case, written together with its cause.

    `caused_by` is a mail key or the id of an answer. `id` is `ack <case>` or `answer <id>`, so that
    neither is written twice.

    The document fixes everything the headers need, so every attempt sends the same mail. `subject`
    and `text` of an acknowledgement or notice are None until its first attempt renders them from
    the templates; `stage` names the stage whose templates a notice uses. `cc` get a copy. `quoted`
    is the earlier mail below the text, empty if there is none. `auto_submitted` is the keyword of
    RFC 3834 for an automatic mail, None for a person's; `counted_at` is when such a mail passed the
    limits.

    The mail is due at `due_at`; while it is claimed, that is when the claim of `claimed_by` (one
    sender's attempt) ends. `remaining` are the recipients that no mail server has accepted or
    rejected yet; `refused` contains the responses for the rejected ones. `failure` is the latest
    response, and in the end the reason why someone did not get the mail. `bounced_by` is the key of
    a mail that reports it as undeliverable.
    """

    COLLECTION: ClassVar[str] = "outbox"

    id: str = msgspec.field(name="_id")
    kind: OutgoingKind
    case: int
    process: str
    state: OutgoingState
    message_id: str
    author: Person
    reply_to: str | None
    to: list[str]
    remaining: list[str]
    subject: str | None
    text: str | None
    attachments: list[Attachment]
    in_reply_to: str | None
    references: list[str]
    auto_submitted: str | None
    caused_by: str
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    claimed_by: str | None = None
    counted_at: datetime | None = None
    ended_at: datetime | None = None
    refused: list[str] = []
    failure: str | None = None
    bounced_by: str | None = None
    cc: list[str] = []
    quoted: str = ""
    stage: str | None = None


class AutomaticMails(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `automatic`: when automatic mails were sent recently.

    `id` is `to <address>`, or `all` for the sum. `held_until` is when the circuit breaker closes
    again. `version` grows with each write, so that racing senders notice each other. MongoDB
    deletes the document after `expires_at`.
    """

    COLLECTION: ClassVar[str] = "automatic"

    id: str = msgspec.field(name="_id")
    times: list[datetime]
    held_until: datetime | None
    version: int
    expires_at: datetime


class FieldKey(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `field_keys`: the mails with an invoice, or the cases with a combination of values
    that must be unique.

    `id` is the kind of key and a SHA-256, so that no personal data is stored here. `mails` are the
    keys of mails with the invoice, `corrections` of those with a correction of it; their comments
    say which cases they are in. `cases` have the combination of values.
    """

    COLLECTION: ClassVar[str] = "field_keys"

    id: str = msgspec.field(name="_id")
    mails: list[str] = []
    corrections: list[str] = []
    cases: list[int] = []


class SellerAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `seller_accounts`: the accounts on which a seller wanted to be paid, oldest first.

    `id` is the SHA-256 of the seller's tax number. `accounts` are SHA-256 digests without
    duplicates; `cases` are, at the same positions, the cases with that account.
    """

    COLLECTION: ClassVar[str] = "seller_accounts"

    id: str = msgspec.field(name="_id")
    accounts: list[str] = []
    cases: list[list[int]] = []


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `counters`: the last number that was assigned; `case` counts the cases."""

    COLLECTION: ClassVar[str] = "counters"

    id: str = msgspec.field(name="_id")
    value: int


class SweepPosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far a blob sweep has come: all ids up to `after` in the files, or after those in the
    chunks.
    """

    looking_at: Literal["files", "chunks"]
    after: str


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `leases`: the right of one replica to do periodic work, such as the blob sweep.

    `holder` is empty until the lease is first taken. The work is due again at `next_at`. `place` is
    None in documents of earlier versions.
    """

    COLLECTION: ClassVar[str] = "leases"

    id: str = msgspec.field(name="_id")
    holder: str
    expires_at: datetime
    next_at: datetime
    place: SweepPosition | None = None


class MailboxLease(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `mailbox_leases`: which fetcher reads the mailbox `id`, and until when by the
    database's clock.

    `holder` is None while no fetcher has the lease.
    """

    COLLECTION: ClassVar[str] = "mailbox_leases"

    id: str = msgspec.field(name="_id")
    holder: str | None
    until: datetime


class MailboxState(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `mailbox_states`: what the fetcher that reads mailbox `id` last reported, at `at`.

    `reader` is that fetcher's host. `waiting` counts mails that are listed but not recorded yet;
    `oldest_at` is the time of the oldest, None if there are none. `failure` says why the last
    session failed, None if it did not; `hint` says how to fix it.
    """

    COLLECTION: ClassVar[str] = "mailbox_states"

    id: str = msgspec.field(name="_id")
    at: datetime
    reader: str
    waiting: int
    oldest_at: datetime | None
    last_success_at: datetime | None
    failure: str | None
    hint: str = ""


class FetchedMail(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `fetched`: a recorded mail that stays in a mailbox whose server cannot flag it.

    `id` is the mailbox, a space, and the server's id of the mail.
    """

    COLLECTION: ClassVar[str] = "fetched"

    id: str = msgspec.field(name="_id")
    mailbox: str
    at: datetime


def reported_by(mail_key: str) -> str:
    """The `failure` of a mail of ours that a delivery report declares undeliverable."""
    return f"a delivery report came, see comment {mail_key}"


def thread_id(process: str, message_id: str) -> str:
    """The key of a Message-ID within a process; names of processes contain no space."""
    return f"{process} {message_id}"


T = TypeVar("T", bound=msgspec.Struct)


def from_document(document: dict[str, Any], kind: type[T]) -> T:
    """The struct for a MongoDB document.

    Raises msgspec.ValidationError if the document does not match.
    """
    return msgspec.convert(document, kind)


def to_document(stored: msgspec.Struct) -> dict[str, Any]:
    """The MongoDB document for a struct, with `_id`; times stay datetimes."""
    document: dict[str, Any] = msgspec.to_builtins(stored, builtin_types=(datetime,))
    return document
