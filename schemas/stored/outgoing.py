"""Outgoing mail."""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from schemas.flags import CommentFlag
from schemas.stored.cases import Attachment, Person

UNDELIVERABLE = CommentFlag.UNDELIVERABLE
OutgoingKind = Literal["acknowledgement", "answer", "notice"]
OutgoingState = Literal[
    "pending", "claimed", "sent", "refused", "given-up", "suppressed", "recalled"
]


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
    sender's attempt) ends. `attempts` does not count holds by the rate limit. `remaining` are the
    recipients that no mail server has accepted or rejected yet; `refused` contains the responses
    for the rejected ones. `failure` is the latest response, and in the end the reason why someone
    did not get the mail. `bounced_by` is the key of a mail that reports it as undeliverable.
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


def reported_by(mail_key: str) -> str:
    """The `failure` of a mail of ours that a delivery report declares undeliverable."""
    return f"a delivery report came, see comment {mail_key}"
