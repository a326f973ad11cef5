"""Outgoing mail: the command to answer a case, and the wake-up of the sender."""

import msgspec

from schemas.changes import Actor
from schemas.mails import BlobRef, Moment


class AnswerFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to attach: either `content`, or `blob` if the blob store has it already."""

    name: str
    content_type: str = "application/octet-stream"
    content: bytes | None = None
    blob: BlobRef | None = None


class AnswerCase(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="AnswerCase.v1"):
    """Mail `text` from case number `case`; routing key `answer.<process>` on the exchange
    `mailcase.case`.

    `id` (8 to 64 ASCII letters, digits and `-`) makes the command idempotent. `to` are plain
    addresses; if there are none, the mail goes to the case's participants. `subject` is the case's
    title by default; the case's reference is added if it is missing. `automatic` means that no
    person wrote the mail: it is marked `auto-generated`, and the circuit breaker applies. `cc` get
    a copy. `quote` puts the participants' latest mail below the text. The mail goes out after
    `hold_s` seconds, and can be recalled until then. `actor` is who answers, for the history; None
    if that is not known.
    """

    id: str
    case: int
    text: str
    at: Moment
    subject: str | None = None
    to: list[str] = []
    files: list[AnswerFile] = []
    automatic: bool = False
    cc: list[str] = []
    quote: bool = False
    hold_s: float = 0.0
    actor: Actor | None = None


class SendMail(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="SendMail.v1"):
    """Outgoing mail `id` of the collection `outbox` is due; queue `sender.work`.

    Without the message, a sweep finds the mail later.
    """

    id: str
