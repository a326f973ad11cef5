"""Reads a mail as a person would: bytes in, a value with a list of defects out, never an
exception.
"""

from services.case_writer.reading.attachments.builder import FROM_MESSAGE, Files
from services.case_writer.reading.attachments.containers import Containers, Found
from services.case_writer.reading.attachments.media_types import type_by_name
from services.case_writer.reading.attachments.signed import BEGIN_ENCRYPTED, without_armor
from services.case_writer.reading.attachments.winmail import WinmailFile
from services.case_writer.reading.digest import HashedFile, content_digest
from services.case_writer.reading.envelope import Envelope, read_envelope
from services.case_writer.reading.html import sanitizer as markup
from services.case_writer.reading.html.to_text import has_quotes, to_text
from services.case_writer.reading.mime.structure import FilePart, Segment, html_of
from services.case_writer.reading.mime.transfer_encoding import encoding_of
from services.case_writer.reading.mime.uuencoded import UuencodedFile
from services.case_writer.reading.model import (
    DAMAGED,
    Attachment,
    Defects,
    MailReading,
    ReadingLimits,
)
from services.case_writer.reading.text.quotes import strip_quotes
from services.runtime.mail.headers import MailHeaders
from services.runtime.mail.words import one_line

_DEFAULT_LIMITS = ReadingLimits()
# of a file that the digest covers by the hash of its content
_LARGE_FILE_BYTES = 64 * 1024
_STUB_CHARS = 400  # a plain part that only asks people to use another program is shorter


def read_mail(raw: bytes, limits: ReadingLimits = _DEFAULT_LIMITS) -> MailReading:
    """Read a whole mail. Any bytes are accepted; `defects` says what was wrong with them."""
    if b"\n" not in raw and b"\r" in raw:  # lines end as on old Macintosh computers
        raw = raw.replace(b"\r", b"\n")
    return _Reader(raw, limits).read()


class _Reader:
    def __init__(self, raw: bytes, limits: ReadingLimits) -> None:
        self._raw = raw
        self._limits = limits
        self._defects = Defects()
        self._html_left = limits.max_html_chars
        self._pictures: list[markup.Picture] = []
        self._remote_images = 0
        self._quotes_are_marked = False
        self._hashed: list[HashedFile] = []

    def read(self) -> MailReading:
        headers = MailHeaders.parse(self._raw, max_bytes=self._limits.max_header_bytes)
        envelope = read_envelope(headers, self._limits, self._defects)
        containers = Containers(self._limits, self._defects)
        found = containers.open_mail(self._raw, headers)
        full_text, html = self._text(found.segments)
        text = None
        if not full_text:
            full_text, html, text = self._other_text(found, html)
        if text is None:
            text = self._own_text(full_text, headers, envelope)
        has_files = found.files or found.winmails or found.uuencoded
        shown = markup.content_ids(html) if html and has_files else set()
        attachments = self._attachments(found, Files(shown))
        return MailReading(
            subject=envelope.subject,
            author=envelope.author,
            reply_to=envelope.reply_to,
            recipients=envelope.recipients,
            sent_at=envelope.sent_at,
            message_id=envelope.message_id,
            in_reply_to=envelope.in_reply_to,
            references=envelope.references,
            text=text,
            full_text=full_text,
            html=html,
            attachments=attachments,
            defects=self._defects.list(),
            remote_images=self._remote_images,
            digest=content_digest(self._raw, headers, self._hashed),
        )

    def _other_text(self, found: Found, html: str | None) -> tuple[str, str | None, str | None]:
        """What is shown of a mail without a text of its own: full text, HTML, and the author's text
        if it is not derived as usual.

        For a report, it is the text of its parts for programs. For a mail that only has an attached
        message, it is that message.
        """
        reports = [Segment(plain=text) for text in found.report_texts]
        messages = [message for message in found.messages if message.has_text]
        if reports:
            full_text, _ = self._text(reports)
            self._defects.add("text-from-report", full_text)
            return full_text, html, full_text
        if not messages:
            return "", html, None
        self._defects.add("text-from-message")
        for message in messages:
            for word in message.defects.list():
                self._defects.add(word)
        segments = [segment for message in messages for segment in message.segments]
        full_text, other_html = self._text(segments)
        html = (
            self._bounded("\n".join([piece for piece in (html, other_html) if piece]))
            if other_html
            else html
        )
        return full_text, html, full_text if len(messages) > 1 else None

    def _text(self, segments: list[Segment]) -> tuple[str, str | None]:
        """The full text, and the sanitized HTML or None."""
        safes = [None if segment.html is None else self._safe(segment.html) for segment in segments]
        texts = [
            self._best_text(segment.plain, safe)
            for segment, safe in zip(segments, safes, strict=True)
        ]
        full_text = "\n\n".join(
            [text for text in (text.strip("\n") for text in texts) if text]
        ).rstrip("\n\t ")
        if len(full_text) > self._limits.max_text_chars:
            self._defects.add("text-shortened")
            full_text = full_text[: self._limits.max_text_chars]
        self._defects.add("encrypted", BEGIN_ENCRYPTED in full_text)
        if all(safe is None for safe in safes):
            return full_text, None
        pieces = [
            html_of(segment) if safe is None else safe
            for segment, safe in zip(segments, safes, strict=True)
        ]
        return full_text, self._bounded("\n".join(pieces))

    def _own_text(self, full_text: str, headers: MailHeaders, envelope: Envelope) -> str:
        if (headers.raw("content-type") or b"")[
            :16
        ].lower() == b"multipart/report":  # what it quotes is its message
            return full_text
        return strip_quotes(
            without_armor(full_text),
            quotes_are_marked=self._quotes_are_marked,
            author=f"{envelope.author.name} {envelope.author.address}",
            subject=envelope.subject,
            recipients=tuple(recipient.name for recipient in envelope.recipients),
        )

    def _best_text(self, plain: str | None, safe_html: str | None) -> str:
        """The plain text, unless it is empty or only a stub next to real HTML."""
        if safe_html is None:
            return plain or ""
        if not plain or plain.isspace():
            return self._laid_out(safe_html)
        if len(plain) <= _STUB_CHARS and "html" in plain.lower():
            other = self._laid_out(safe_html)
            words = set(plain.split())
            is_other_text = 2 * len(words.intersection(other.split())) < len(words)
            return other if is_other_text or len(other) > 2 * len(plain) else plain
        return plain

    def _laid_out(self, safe_html: str) -> str:
        self._quotes_are_marked = self._quotes_are_marked or has_quotes(safe_html)
        return to_text(safe_html)

    def _safe(self, html: str) -> str:
        html, pictures = markup.lift_pictures(html, len(self._pictures))
        self._pictures += pictures
        if len(html) > self._html_left:
            self._defects.add("html-shortened")
            html = html[: self._html_left]
        self._html_left -= len(html)
        safe, remote, normalized = markup.sanitize(html)
        self._remote_images += remote
        self._defects.add("html-simplified", normalized)
        return safe

    def _bounded(self, html: str) -> str | None:
        if (
            len(html) * 4 > self._limits.max_html_bytes
            and len(html.encode()) > self._limits.max_html_bytes
        ):
            self._defects.add("html-left-out")
            return None
        return html

    def _attachments(self, found: Found, files: Files) -> list[Attachment]:
        """All attachments. Those of the mail itself come first, because the limit may cut those of
        attached messages.
        """
        if not (found.files or found.uuencoded or self._pictures):
            return []
        own = [file for file in found.files if not file.from_message]
        inner = [file for file in found.files if file.from_message]
        most = self._limits.max_attachments
        made = [files.from_part(part) for part in own[:most]]
        self._hashed = [
            HashedFile(file.part.body, file.part.end, attachment.sha256)
            for file, attachment in zip(own, made, strict=False)
            if self._is_hashed(file, attachment)
        ]
        made.extend(
            files.make(
                picture.content,
                picture.content_type,
                None,
                content_id=picture.content_id,
                inline=True,
            )
            for picture in self._pictures
        )
        made.extend(_from_text(file, files) for file in found.uuencoded)
        made.extend(
            _from_winmail(file, files, origin)
            for origin, winmail in found.winmails
            for file in winmail.files
        )
        made.extend(files.from_part(part) for part in inner[: max(0, most - len(made))])
        self._defects.add("too-many-attachments", max(len(own) + len(inner), len(made)) > most)
        return made[:most]

    def _is_hashed(self, file: FilePart, attachment: Attachment) -> bool:
        """Whether the digest covers the content of this file instead of its encoding."""
        return (
            len(attachment.content) >= _LARGE_FILE_BYTES
            and file.raw is self._raw
            and encoding_of(file.part.headers).lower() == "base64"
            and DAMAGED not in attachment.flags
        )


def _from_text(file: UuencodedFile, files: Files) -> Attachment:
    kind = type_by_name(file.name) or "application/octet-stream"
    return files.make(file.content, kind, file.name or None, flags=["from-text"])


def _from_winmail(file: WinmailFile, files: Files, origin: FilePart) -> Attachment:
    kind = file.content_type or type_by_name(file.name) or "application/octet-stream"
    content_id = file.content_id.strip("<> ") or None
    return files.make(
        file.content,
        one_line(kind).lower(),
        one_line(file.name) or None,
        content_id=one_line(content_id) if content_id else None,
        inline=files.is_shown(content_id),
        flags=[*([FROM_MESSAGE] if origin.from_message else []), "from-winmail"],
    )
