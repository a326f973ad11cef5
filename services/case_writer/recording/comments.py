"""Makes the comment of a mail, and updates it when the mail is read again. Pure."""

from datetime import datetime

from msgspec import structs

from schemas.flags import AttachmentFlag, CommentFlag
from schemas.mails import BlobRef
from schemas.stored import Attachment, Comment, Person
from services.case_writer.placement.plan import Placed

ORIGINAL_NAME = "original.eml"
_DERIVED = (
    *("case", "kind", "sent_at", "author", "subject", "text", "full_text", "html"),
    *("message_id", "in_reply_to", "flags"),
)


def comment_of(placed: Placed, case: int) -> Comment:
    """The comment that a mail becomes."""
    mail, reading = placed.mail.raw, placed.reading
    original = placed.mail.original
    return Comment(
        id=mail.key,
        case=case,
        kind=placed.kind,
        at=mail.received_at or mail.fetched_at,
        sent_at=reading.sent_at,
        author=Person(reading.author.name, reading.author.address),
        subject=reading.subject,
        text=reading.text,
        full_text=reading.full_text,
        html=reading.html,
        message_id=reading.message_id,
        in_reply_to=reading.in_reply_to,
        attachments=[*placed.mail.attachments, *([_original(original)] if original else [])],
        original=original.sha256 if original else None,
        flags=list(dict.fromkeys([*reading.defects, *placed.decision.flags, *placed.flags])),
    )


def emptied_note(number: int, to: int, note_id: str, now: datetime) -> Comment:
    """The note in a case whose last mail moved to another case."""
    text = f"The last mail of this case was moved to case {to} when it was decided again; the case is closed."
    return Comment(
        id=note_id,
        case=number,
        kind="note",
        at=now,
        sent_at=None,
        author=Person("Mailcase", ""),
        subject="",
        text=text,
        full_text=text,
        html=None,
        message_id=None,
        in_reply_to=None,
        attachments=[],
        original=None,
        flags=[CommentFlag.EMPTIED],
    )


def derived_again(before: Comment, today: Comment) -> Comment:
    """The comment, with everything that is derived from the mail replaced by the current result. If
    the whole mail was attached, it stays attached.
    """
    attachments, original = today.attachments, today.original
    if original is None and before.original is not None:
        original = before.original
        kept = [file for file in before.attachments if AttachmentFlag.ORIGINAL in file.flags]
        attachments = [*attachments, *kept]
    derived = {name: getattr(today, name) for name in _DERIVED}
    return structs.replace(before, **derived, attachments=attachments, original=original)


def _original(blob: BlobRef) -> Attachment:
    return Attachment(
        name=ORIGINAL_NAME,
        content_type="message/rfc822",
        size=blob.size,
        sha256=blob.sha256,
        inline=False,
        content_id=None,
        blob=blob.sha256,
        flags=[AttachmentFlag.ORIGINAL],
    )
