"""A mail read as a person reads it: bytes in, a value with a list of defects out, never an exception."""

from services.case_writer.reading import html as markup
from services.case_writer.reading.bodies import Bodies, FilePart, Segment, arrange, html_of
from services.case_writer.reading.digest import content_digest
from services.case_writer.reading.envelope import read_envelope
from services.case_writer.reading.files import CMS_TYPES, Files
from services.case_writer.reading.layout import has_quotes, to_text
from services.case_writer.reading.quotes import written_now
from services.case_writer.reading.signed import BEGIN_ENCRYPTED, is_encrypted, signed_content, without_armour
from services.case_writer.reading.sniffing import type_by_name
from services.case_writer.reading.splitter import Part, split
from services.case_writer.reading.texts import body_text, clean
from services.case_writer.reading.transfer import undo
from services.case_writer.reading.values import Attachment, Defects, MailReading, ReadingLimits
from services.case_writer.reading.winmail import Winmail, WinmailFile, open_winmail
from services.runtime.mail.headers import MailHeaders
from services.runtime.mail.words import one_line

_DEFAULT_LIMITS = ReadingLimits()
_STUB_CHARS = 400  # a plain part that only tells people to get another program is shorter
_MAX_WRAPPED = 3  # signed mails within signed mails
_WINMAIL_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef", "application/x-ms-tnef"})


def read_mail(raw: bytes, limits: ReadingLimits = _DEFAULT_LIMITS) -> MailReading:
    """Read a whole mail. Any bytes give a value; what was wrong with them is in `defects`."""
    if b"\n" not in raw and b"\r" in raw:  # lines as on old Macintosh machines
        raw = raw.replace(b"\r", b"\n")
    return _Reader(raw, limits).read()


class _Reader:
    def __init__(self, raw: bytes, limits: ReadingLimits) -> None:
        self._raw = raw
        self._limits = limits
        self._defects = Defects()
        self._html_left = limits.max_html_chars
        self._pictures: list[markup.Picture] = []
        self._winmails: list[Winmail] = []
        self._remote_images = 0
        self._quotes_are_marked = False

    def read(self) -> MailReading:
        headers = MailHeaders.parse(self._raw, max_bytes=self._limits.max_header_bytes)
        envelope = read_envelope(headers, self._limits, self._defects)
        bodies = self._bodies(self._raw, headers)
        self._unwrap(bodies)
        full_text, html = self._text(bodies.segments)
        shown = markup.content_ids(html) if html and (bodies.files or self._winmails) else set()
        return MailReading(
            subject=envelope.subject,
            author=envelope.author,
            reply_to=envelope.reply_to,
            recipients=envelope.recipients,
            sent_at=envelope.sent_at,
            message_id=envelope.message_id,
            in_reply_to=envelope.in_reply_to,
            references=envelope.references,
            text=self._written_now(full_text, headers),
            full_text=full_text,
            html=html,
            attachments=self._attachments(bodies.files, Files(shown)),
            defects=self._defects.list(),
            remote_images=self._remote_images,
            digest=content_digest(self._raw, headers),
        )

    def _bodies(self, raw: bytes, headers: MailHeaders) -> Bodies:
        parts = split(raw, headers, self._limits, self._defects)

        def text_of(part: Part, content_type: str) -> str:
            data, damaged = undo(raw[part.body : part.end], part.headers.text("content-transfer-encoding") or "")
            self._defects.add("text-damaged", damaged)
            data = self._bounded_bytes(data, content_type)
            text, repaired = body_text(data, part.parameters, content_type)
            self._defects.add("charset-repaired", repaired)
            return text

        return arrange(raw, parts, text_of)

    def _bounded_bytes(self, data: bytes, content_type: str) -> bytes:
        """Not more than the limit may need at four bytes a letter, up to a line's end: the rest would be cut anyway."""
        is_html = content_type.endswith("html")
        limit = 4 * (self._limits.max_html_chars if is_html else self._limits.max_text_chars)
        if len(data) <= limit or (is_html and b"data:image/" in data):
            return data
        self._defects.add("html-shortened" if is_html else "text-shortened")
        end = data.rfind(b"\n", limit // 2, limit)
        return data[: end if end > 0 else limit]

    def _unwrap(self, bodies: Bodies) -> None:
        """Add what signed or Outlook containers hold; the containers stay among the files."""
        wrapped = 0
        for file in bodies.files:  # grows while it is walked: what is unwrapped may hold more
            if file.encrypted:
                self._defects.add("encrypted")
            elif file.part.content_type in CMS_TYPES and wrapped < _MAX_WRAPPED:
                wrapped += 1
                self._unwrap_signed(file, bodies)
            elif file.part.content_type in _WINMAIL_TYPES or _is_winmail(file):
                self._unwrap_winmail(file, bodies)

    def _unwrap_signed(self, file: FilePart, bodies: Bodies) -> None:
        content, _ = file.content()
        inner = signed_content(content)
        self._defects.add("encrypted", is_encrypted(content))
        if inner is not None:
            within = self._bodies(inner, MailHeaders.parse(inner, max_bytes=self._limits.max_header_bytes))
            bodies.segments += within.segments
            bodies.files += within.files

    def _unwrap_winmail(self, file: FilePart, bodies: Bodies) -> None:
        content, _ = file.content()
        winmail = open_winmail(content)
        self._defects.add("winmail-damaged", winmail is None or not winmail.whole)
        if winmail is None:
            return
        self._winmails.append(winmail)
        has_text = any((one.plain or one.html or "").strip() for one in bodies.segments)
        if not has_text and (winmail.plain or winmail.html):
            bodies.segments.append(Segment(clean(winmail.plain) or None, winmail.html or None))
        self._defects.add(
            "winmail-text-unread", not has_text and winmail.has_rtf and not (winmail.plain or winmail.html)
        )

    def _text(self, segments: list[Segment]) -> tuple[str, str | None]:
        """The full text, and the sanitised HTML or None."""
        texts: list[str] = []
        safe_pieces: list[str] = []
        has_html = False
        for segment in segments:
            safe = None
            if segment.html is not None:
                safe = self._safe(segment.html)
                has_html = True
            texts.append(self._best_text(segment.plain, safe))
            safe_pieces.append(safe if safe is not None else html_of(segment))
        full_text = "\n\n".join([text for text in (text.strip("\n") for text in texts) if text]).rstrip("\n\t ")
        if len(full_text) > self._limits.max_text_chars:
            self._defects.add("text-shortened")
            full_text = full_text[: self._limits.max_text_chars]
        self._defects.add("encrypted", BEGIN_ENCRYPTED in full_text)
        return full_text, self._bounded("\n".join(safe_pieces)) if has_html else None

    def _written_now(self, full_text: str, headers: MailHeaders) -> str:
        if (headers.raw("content-type") or b"")[:16].lower() == b"multipart/report":  # what it quotes is its message
            return full_text
        return written_now(without_armour(full_text), quotes_are_marked=self._quotes_are_marked)

    def _best_text(self, plain: str | None, safe_html: str | None) -> str:
        """Plain text, unless it is empty or a mere stub beside real HTML."""
        if safe_html is None:
            return plain or ""
        if not plain or plain.isspace():
            return self._laid_out(safe_html)
        if len(plain) <= _STUB_CHARS and "html" in plain.lower():
            other = self._laid_out(safe_html)
            return other if len(other) > 2 * len(plain) else plain
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
        safe, remote, tamed = markup.sanitise(html)
        self._remote_images += remote
        self._defects.add("html-simplified", tamed)
        return safe

    def _bounded(self, html: str) -> str | None:
        if len(html) * 4 > self._limits.max_html_bytes and len(html.encode()) > self._limits.max_html_bytes:
            self._defects.add("html-left-out")
            return None
        return html

    def _attachments(self, parts: list[FilePart], files: Files) -> list[Attachment]:
        found = [files.from_part(part) for part in parts[: self._limits.max_attachments]]
        found.extend(
            files.make(one.content, one.content_type, None, content_id=one.content_id, inline=True)
            for one in self._pictures
        )
        found.extend(_from_winmail(one, files) for winmail in self._winmails for one in winmail.files)
        self._defects.add("too-many-attachments", max(len(parts), len(found)) > self._limits.max_attachments)
        return found[: self._limits.max_attachments]


def _from_winmail(file: WinmailFile, files: Files) -> Attachment:
    kind = file.content_type or type_by_name(file.name) or "application/octet-stream"
    content_id = file.content_id.strip("<> ") or None
    return files.make(
        file.content,
        one_line(kind).lower(),
        one_line(file.name) or None,
        content_id=one_line(content_id) if content_id else None,
        inline=files.is_shown(content_id),
        flags=["from-winmail"],
    )


def _is_winmail(file: FilePart) -> bool:
    name = file.disposition.text("filename") or file.part.parameters.text("name") or ""
    return name.lower() == "winmail.dat"
