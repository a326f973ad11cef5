"""Builds attachments from the parts of a mail: keeps their bytes, makes their names safe, detects
their types.
"""

import hashlib
from collections.abc import Iterable
from urllib.parse import unquote

from services.case_writer.reading.attachments.media_types import PROGRAMS, contradicts, sniff
from services.case_writer.reading.attachments.signed import is_encrypted
from services.case_writer.reading.mime.structure import FilePart
from services.case_writer.reading.model import Attachment
from services.runtime.mail.file_names import (
    BLOCKED_EXTENSIONS,
    EXTENSION_OF,
    extension,
    safe_name,
    unique_name,
)
from services.runtime.mail.headers import MailHeaders

CMS_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
MAIL_TYPES = frozenset({"message/rfc822", "message/global"})
FROM_MESSAGE = "from-message"

_MAX_ORIGINAL_CHARS = 1000
_MAX_ID_CHARS = 300
_SUBJECT_WITHIN = 65536
_SIGNATURES = frozenset(
    {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
)
_USUAL_NAMES = {
    "application/ms-tnef": "winmail.dat",
    "application/pgp-encrypted": "version.asc",
    "application/pgp-signature": "signature.asc",
    "application/pkcs7-mime": "smime.p7m",
    "application/pkcs7-signature": "smime.p7s",
    "application/vnd.ms-tnef": "winmail.dat",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-signature": "smime.p7s",
    "message/delivery-status": "delivery-status.txt",
    "message/disposition-notification": "disposition-notification.txt",
    "message/feedback-report": "feedback-report.txt",
    "text/calendar": "invitation.ics",
    "text/rfc822-headers": "headers.txt",
}


class Files:
    """Builds the attachments of one mail, with unique names.

    `shown_ids` are the Content-IDs that the mail's HTML refers to.
    """

    def __init__(self, shown_ids: Iterable[str]) -> None:
        self._shown = {
            form for content_id in shown_ids for form in (content_id, unquote(content_id))
        }
        self._taken: set[str] = set()
        self._unnamed = 0

    def from_part(self, file: FilePart) -> Attachment:
        """The attachment for a part of the mail."""
        part = file.part
        content, damaged = file.content()
        content_id = _content_id(part.headers)
        return self.make(
            content,
            part.content_type,
            file.name or None,
            content_id=content_id,
            inline=self._is_inline(file, content_id),
            flags=[
                word
                for word, is_true in (
                    (FROM_MESSAGE, file.from_message),
                    ("damaged", damaged),
                    ("encrypted", file.encrypted),
                )
                if is_true
            ],
        )

    def make(
        self,
        content: bytes,
        content_type: str,
        original: str | None,
        *,
        content_id: str | None = None,
        inline: bool = False,
        flags: Iterable[str] = (),
    ) -> Attachment:
        """An attachment with a safe, unique name, and flags set from its bytes and its name."""
        safe = safe_name(original) if original else ""
        name = unique_name(safe or self._invented(content, content_type), self._taken)
        return Attachment(
            name=name,
            original_name=original[:_MAX_ORIGINAL_CHARS].rstrip() if original else None,
            content_type=content_type,
            content=content,
            sha256=hashlib.sha256(content).hexdigest(),
            inline=inline,
            content_id=content_id,
            flags=list(dict.fromkeys((*flags, *_flags(content, content_type, name, original)))),
        )

    def is_shown(self, content_id: str | None) -> bool:
        """Whether the mail's HTML shows the file with this Content-ID."""
        return content_id is not None and content_id in self._shown

    def _is_inline(self, file: FilePart, content_id: str | None) -> bool:
        if self.is_shown(content_id):
            return True
        if not file.part.content_type.startswith("image/"):
            return False
        disposition = file.disposition.value
        return disposition == "inline" or (
            file.related and content_id is not None and disposition != "attachment"
        )

    def _invented(self, content: bytes, content_type: str) -> str:
        """A name for a part that has none, or none with a safe character."""
        usual = _USUAL_NAMES.get(content_type)
        if usual:
            return usual
        if content_type in MAIL_TYPES:
            subject = MailHeaders.parse(content[:_SUBJECT_WITHIN]).text("subject")
            return f"{safe_name((subject or '')[:80]) or 'message'}.eml"
        self._unnamed += 1
        kind = "image" if content_type.startswith("image/") else "attachment"
        return f"{kind}-{self._unnamed}{EXTENSION_OF.get(content_type, '.bin')}"


def _flags(content: bytes, content_type: str, name: str, original: str | None) -> list[str]:
    found = sniff(content, content_type)
    checks = (
        ("blocked-type", extension(name) in BLOCKED_EXTENSIONS or found in PROGRAMS),
        ("name-changed", bool(original) and name != original),
        ("type-mismatch", bool(content) and contradicts(content_type, name, found)),
        ("signature", content_type in _SIGNATURES),
        ("encrypted", content_type in CMS_TYPES and is_encrypted(content)),
    )
    return [word for word, is_true in checks if is_true]


def _content_id(headers: MailHeaders) -> str | None:
    text = headers.text("content-id")
    return (text.strip("<> \t")[:_MAX_ID_CHARS].strip() or None) if text else None
