"""The comment that shows an outgoing mail in its case. Pure."""

from datetime import datetime

from schemas.flags import CommentFlag
from schemas.stored import Comment, OutgoingMail


def comment_of(mail: OutgoingMail, at: datetime, *, sent: bool, failure: str | None) -> Comment:
    """The comment of kind `sent`.

    It is flagged if some recipients did not get the mail; `failure` says why.
    """
    flags: list[str] = [CommentFlag.AUTOMATIC] if mail.auto_submitted else []
    missed = not sent or failure is not None
    return Comment(
        id=mail.id,
        case=mail.case,
        kind="sent",
        at=at,
        sent_at=at if sent else None,
        author=mail.author,
        subject=mail.subject or "",
        text=mail.text or "",
        full_text="\n\n".join(part for part in (mail.text, mail.quoted) if part),
        html=None,
        message_id=mail.message_id,
        in_reply_to=mail.in_reply_to,
        attachments=mail.attachments,
        original=None,
        flags=[*flags, CommentFlag.UNDELIVERABLE] if missed else flags,
        failure=failure,
    )
