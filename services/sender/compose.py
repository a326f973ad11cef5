"""An outgoing mail as bytes. Pure and deterministic, so every attempt sends the same bytes."""

import hashlib
import re
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from schemas.case_ref import CaseReference
from schemas.message_ids import NO_KEYS, OWN_MAIL_HEADER, MessageIdSigner
from schemas.stored import OutgoingMail
from services.sender.header_encoding import header, list_value, one_line, person_value, text_value

MAX_SUBJECT_CHARS = 200
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,60}")


def subject_of(text: str, number: int, reference: CaseReference) -> str:
    """The text on one line, beginning with the case's reference."""
    line = one_line(text)[:MAX_SUBJECT_CHARS].strip()
    if reference.find(line)[:1] == [number]:
        return line
    return f"{reference.write(number)} {line}".strip()


def compose(mail: OutgoingMail, files: Sequence[bytes], signer: MessageIdSigner = NO_KEYS) -> bytes:
    """The whole mail; `files` are the contents of its attachments, in their order.

    `signer` signs the header that identifies the mail as ours if it comes back. Raises ValueError
    if a value could break out of its header.
    """
    return _headers(mail, signer) + _body(mail, files)


def _headers(mail: OutgoingMail, signer: MessageIdSigner) -> bytes:
    lines = [
        ("Date", format_datetime(mail.created_at)),
        ("From", person_value("From", mail.author.name, mail.author.address)),
        ("To", list_value(mail.to, ",")),
        *([("Cc", list_value(mail.cc, ","))] if mail.cc else []),
        ("Subject", text_value("Subject", mail.subject or "")),
        ("Message-ID", mail.message_id),
    ]
    mark = signer.mark(mail.case, mail.created_at)
    if mark:
        lines.append((OWN_MAIL_HEADER, mark))
    if mail.reply_to:
        lines.append(("Reply-To", mail.reply_to))
    if mail.in_reply_to:
        lines.append(("In-Reply-To", mail.in_reply_to))
    if mail.references:
        lines.append(("References", list_value(mail.references)))
    if mail.auto_submitted:
        # RFC 3834 section 5; Exchange obeys the second (MS-OXCMAIL section 2.1.3.2.20).
        lines += [
            ("Auto-Submitted", mail.auto_submitted),
            ("X-Auto-Response-Suppress", "OOF, AutoReply"),
        ]
    return b"".join(header(name, value) for name, value in lines)


def _body(mail: OutgoingMail, files: Sequence[bytes]) -> bytes:
    body = EmailMessage(policy=SMTP)
    # Quoted-printable protects long lines, a leading "From " and trailing spaces from relays.
    text = f"{(mail.text or '').rstrip()}\n\n{mail.quoted}" if mail.quoted else mail.text or ""
    body.set_content(_lines(text), charset="utf-8", cte="quoted-printable")
    for attachment, content in zip(mail.attachments, files, strict=True):
        kind, _, subkind = _content_type(attachment.content_type).partition("/")
        body.add_attachment(
            content, maintype=kind, subtype=subkind, filename=one_line(attachment.name)
        )
    if files:
        body.set_boundary("mailcase-" + hashlib.sha256(mail.message_id.encode()).hexdigest()[:40])
    return body.as_bytes()


def _content_type(given: str) -> str:
    """The type if a part with base64 content may have it, else application/octet-stream."""
    usable = _TYPE.fullmatch(given) and not given.lower().startswith(("multipart/", "message/"))
    return given if usable else "application/octet-stream"


def _lines(text: str) -> str:
    """Text with uniform line ends; surrogates are replaced."""
    return "\n".join(text.encode(errors="replace").decode().splitlines()) + "\n"
