"""A part of a mail as an attachment: its bytes untouched, its name made safe, its kind looked at."""

from urllib.parse import unquote

from services.case_writer.reading.bodies import FilePart
from services.case_writer.reading.names import (
    BLOCKED_EXTENSIONS,
    EXTENSION_OF,
    extension,
    safe_name,
    unique_name,
)
from services.case_writer.reading.sniffing import PROGRAMS, contradicts, sniff
from services.case_writer.reading.transfer import undo
from services.case_writer.reading.values import Attachment
from services.runtime.mail_headers import MailHeaders
from services.runtime.mail_words import header_text

_MAX_ORIGINAL_CHARS = 1000
_MAX_ID_CHARS = 300
_SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"})
_ENCRYPTED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"})
_USUAL_NAMES = {
    "application/pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-signature": "smime.p7s",
    "application/pgp-signature": "signature.asc",
    "application/pgp-encrypted": "version.asc",
    "message/delivery-status": "delivery-status.txt",
    "message/disposition-notification": "disposition-notification.txt",
    "text/calendar": "invitation.ics",
    "text/rfc822-headers": "headers.txt",
}
_WITHOUT_ENCODING = frozenset({"message/rfc822", "message/global"})


class Files:
    """Makes attachments of one mail; their names are unique among them."""

    def __init__(self, raw: bytes, shown_ids: set[str]) -> None:
        self._raw = raw
        self._shown = shown_ids | {unquote(one) for one in shown_ids}
        self._taken: set[str] = set()
        self._unnamed = 0

    def from_part(self, file: FilePart) -> Attachment:
        """The attachment that a part of the mail is."""
        part, headers = file.part, file.part.headers
        content, damaged = undo(
            self._raw[part.body : part.end], header_text(headers.raw("content-transfer-encoding") or b"")
        )
        original = file.disposition.text("filename") or part.parameters.text("name")
        content_id = _content_id(headers)
        return self.make(
            content,
            part.content_type,
            original,
            content_id=content_id,
            inline=self._is_inline(file, content_id),
            flags=["damaged"] if damaged else [],
        )

    def make(
        self,
        content: bytes,
        content_type: str,
        original: str | None,
        *,
        content_id: str | None = None,
        inline: bool = False,
        flags: list[str] | None = None,
    ) -> Attachment:
        """An attachment with a safe, unique name and the flags that its bytes and name deserve."""
        safe = safe_name(original) if original else ""
        name = unique_name(
            safe if safe and extension(safe) != safe.lower() else self._invented(safe, content, content_type),
            self._taken,
        )
        found = sniff(content)
        flags = list(flags or ())
        if extension(name) in BLOCKED_EXTENSIONS or found in PROGRAMS:
            flags.append("blocked-type")
        if original is not None and name != original:
            flags.append("name-changed")
        if content and contradicts(content_type, name, found):
            flags.append("type-mismatch")
        if content_type in _SIGNATURES:
            flags.append("signature")
        return Attachment(
            name=name,
            original_name=original[:_MAX_ORIGINAL_CHARS] if original is not None else None,
            content_type=content_type,
            content=content,
            inline=inline,
            content_id=content_id,
            flags=flags,
        )

    def _is_inline(self, file: FilePart, content_id: str | None) -> bool:
        if content_id is not None and content_id in self._shown:
            return True
        if not file.part.content_type.startswith("image/"):
            return False
        return file.disposition.value == "inline" or (
            file.related and content_id is not None and file.disposition.value != "attachment"
        )

    def _invented(self, safe: str, content: bytes, content_type: str) -> str:
        if safe:
            return safe
        usual = _USUAL_NAMES.get(content_type)
        if usual:
            return usual
        if content_type in _WITHOUT_ENCODING:
            subject = MailHeaders.parse(content[:65536]).text("subject")
            return (
                (safe_name(subject[:80]) if subject else "").removesuffix(".eml") + ".eml" if subject else "message.eml"
            )
        self._unnamed += 1
        kind = "image" if content_type.startswith("image/") else "attachment"
        return f"{kind}-{self._unnamed}{EXTENSION_OF.get(content_type, '.bin')}"


def _content_id(headers: MailHeaders) -> str | None:
    text = headers.text("content-id")
    return (text.strip("<> \t")[:_MAX_ID_CHARS] or None) if text else None
