"""A mail read as a person reads it: bytes in, a value with a list of defects out, never an exception."""

from datetime import datetime

from services.case_writer.reading import html as markup
from services.case_writer.reading.bodies import Bodies, Segment, arrange, html_of
from services.case_writer.reading.files import Files
from services.case_writer.reading.quotes import written_now
from services.case_writer.reading.splitter import Part, split
from services.case_writer.reading.texts import body_text
from services.case_writer.reading.transfer import undo
from services.case_writer.reading.values import Attachment, Defects, MailReading, ReadingLimits
from services.runtime.mail_headers import Address, MailHeaders
from services.runtime.mail_words import header_text

_NOBODY = Address("", "")
_STUB_CHARS = 400  # a plain part that only tells people to get an HTML program is shorter


def read_mail(raw: bytes, limits: ReadingLimits = ReadingLimits()) -> MailReading:  # noqa: B008 - immutable
    """Read a whole mail. Any bytes give a value; what was wrong with them is in `defects`."""
    return _Reader(raw, limits).read()


class _Reader:
    def __init__(self, raw: bytes, limits: ReadingLimits) -> None:
        if b"\n" not in raw and b"\r" in raw:  # lines as on old Macintosh machines
            raw = raw.replace(b"\r", b"\n")
        self._raw = raw
        self._limits = limits
        self._defects = Defects()
        self._html_left = limits.max_html_chars

    def read(self) -> MailReading:
        headers = MailHeaders.parse(self._raw, max_bytes=self._limits.max_header_bytes)
        parts = split(self._raw, headers, self._limits, self._defects)
        bodies = arrange(parts, self._text_of)
        full_text, html, remote = self._text(bodies.segments)
        shown = {one for segment in bodies.segments if segment.html for one in markup.content_ids(segment.html)}
        in_reply_to = headers.message_ids("in-reply-to")
        return MailReading(
            subject=self._subject(headers),
            author=self._author(headers),
            reply_to=headers.addresses("reply-to"),
            recipients=self._recipients(headers),
            sent_at=self._sent_at(headers),
            message_id=next(iter(headers.message_ids("message-id")), None),
            in_reply_to=in_reply_to[0] if in_reply_to else None,
            references=list(dict.fromkeys([*in_reply_to, *reversed(headers.message_ids("references"))])),
            text=written_now(full_text),
            full_text=full_text,
            html=html,
            attachments=self._attachments(bodies, shown),
            defects=self._defects.list(),
            remote_images=remote,
        )

    def _text_of(self, part: Part, is_html: bool) -> str:
        data, damaged = undo(
            self._raw[part.body : part.end], header_text(part.headers.raw("content-transfer-encoding") or b"")
        )
        self._defects.add("text-damaged", damaged)
        text, repaired = body_text(data, part.parameters, is_html=is_html)
        self._defects.add("charset-repaired", repaired)
        return text

    def _text(self, segments: list[Segment]) -> tuple[str, str | None, int]:
        """The full text, the sanitised HTML or None, and the count of remote pictures."""
        texts: list[str] = []
        safe_pieces: list[str] = []
        remote = 0
        for segment in segments:
            safe = None
            if segment.html is not None:
                safe, count = self._safe(segment.html)
                remote += count
            texts.append(_best_text(segment.plain, safe))
            safe_pieces.append(safe if safe is not None else html_of(segment))
        has_html = any(segment.html is not None for segment in segments)
        full_text = "\n\n".join(filter(None, (text.strip("\n") for text in texts))).rstrip()
        if len(full_text) > self._limits.max_text_chars:
            self._defects.add("text-shortened")
            full_text = full_text[: self._limits.max_text_chars]
        return full_text, self._bounded("\n".join(safe_pieces)) if has_html else None, remote

    def _safe(self, html: str) -> tuple[str, int]:
        if len(html) > self._html_left:
            self._defects.add("html-shortened")
            html = html[: self._html_left]
        self._html_left -= len(html)
        return markup.sanitise(html)

    def _bounded(self, html: str) -> str | None:
        if len(html) * 4 > self._limits.max_html_bytes and len(html.encode()) > self._limits.max_html_bytes:
            self._defects.add("html-left-out")
            return None
        return html

    def _attachments(self, bodies: Bodies, shown: set[str]) -> list[Attachment]:
        limit = self._limits.max_attachments
        self._defects.add("too-many-attachments", len(bodies.files) > limit)
        files = Files(self._raw, shown)
        return [files.from_part(file) for file in bodies.files[:limit]]

    def _subject(self, headers: MailHeaders) -> str:
        subject = headers.text("subject") or ""
        self._defects.add("subject-shortened", len(subject) > self._limits.max_subject_chars)
        return subject[: self._limits.max_subject_chars]

    def _author(self, headers: MailHeaders) -> Address:
        """The first of From that has an address; else of Sender; else a bare name."""
        found = headers.addresses("from")
        addressed = [one for one in found if one.address]
        self._defects.add("several-authors", len(addressed) > 1)
        if addressed:
            self._defects.add("address-in-author-name", _names_another(addressed[0]))
            return addressed[0]
        self._defects.add("no-author")
        sender = [one for one in headers.addresses("sender") if one.address]
        if sender:
            return Address(found[0].name if found else sender[0].name, sender[0].address)
        return found[0] if found else _NOBODY

    def _recipients(self, headers: MailHeaders) -> list[Address]:
        found = list({one.address: one for one in reversed(headers.addresses("to", "cc")) if one.address}.values())[
            ::-1
        ]
        self._defects.add("too-many-recipients", len(found) > self._limits.max_recipients)
        return found[: self._limits.max_recipients]

    def _sent_at(self, headers: MailHeaders) -> datetime | None:
        sent_at = headers.date("date")
        self._defects.add("no-date", sent_at is None)
        return sent_at


def _names_another(author: Address) -> bool:
    """Whether a display name shows an address that is not the author's, as phishing does."""
    return "@" in author.name and author.address not in author.name.lower()


def _best_text(plain: str | None, safe_html: str | None) -> str:
    """Plain text, unless it is empty or a mere stub beside real HTML."""
    if safe_html is None:
        return plain or ""
    if plain is None or not plain.strip():
        return markup.to_text(safe_html)
    if len(plain) <= _STUB_CHARS and "html" in plain.lower():
        other = markup.to_text(safe_html)
        return other if len(other) > 2 * len(plain) else plain
    return plain
