"""The outcomes of mails, and what limits and marks incoming mail."""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from schemas.cases import Decision
from schemas.stored.documents import BlobId

Outcome = Literal["opened", "appended", "ignored", "parked"]


class LimitAlert(msgspec.Struct, frozen=True):
    """The mail was the first over its sender's or its mailbox's limit of new cases. `address` is
    that of its author, empty if there is none.
    """

    limit: Literal["sender", "mailbox"]
    address: str


class Discard(msgspec.Struct, frozen=True, kw_only=True):
    """Who (the account's name) discarded a parked mail or a dead letter, why and when."""

    by: str
    why: str
    at: datetime


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


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `senders`: when an address recently opened cases of a process.

    `id` is the process, a space and the address, with `unproven ` before it for mails that failed
    authentication; mails to a mailbox are counted under `mailbox: ` and its name. `version` grows
    with each write, so that racing writers notice each other. MongoDB deletes the document after
    `expires_at`.
    """

    COLLECTION: ClassVar[str] = "senders"

    id: str = msgspec.field(name="_id")
    times: list[datetime]
    alerted_at: datetime | None
    version: int
    expires_at: datetime


class FetchedMail(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `fetched`: a recorded mail that stays in a mailbox whose server cannot flag it.

    `id` is the mailbox, a space, and the server's id of the mail.
    """

    COLLECTION: ClassVar[str] = "fetched"

    id: str = msgspec.field(name="_id")
    mailbox: str
    at: datetime
