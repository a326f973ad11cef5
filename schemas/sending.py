"""What goes out from a case: the command to answer, and the word to the sender that something is due."""

import msgspec

from schemas.changes import Actor
from schemas.mails import BlobRef, Moment


class AnswerFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to attach: either `content`, or `blob` where the database's blob store has it already."""

    name: str
    content_type: str = "application/octet-stream"
    content: bytes | None = None
    blob: BlobRef | None = None


class AnswerCase(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="AnswerCase.v1"):
    """Mail `text` from case number `case`; routing key `answer.<process>` on the exchange `mailcase.case`.

    `id` (8 to 64 ASCII letters, digits and `-`) names the answer: the same id again has no further effect. `to` are
    plain addresses; without any, the case's participants get it. `subject` is by default the case's title; the case's
    reference is put in where it is missing. `automatic` tells that no person wrote it: it is marked `auto-generated`
    then, and the circuit breaker holds for it. `cc` get a copy. `quote` puts the participants' latest mail
    below the text. The mail goes out after `hold_s` seconds, and can be recalled until then. `actor` is who
    answers, for the history; None when that is not known.
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
    """Outgoing mail `id` of the collection `outbox` is due; queue `sender.work`. It only saves the wait for a sweep."""

    id: str
