"""Opens the containers in a mail: signed mails, Outlook's winmail.dat, and attached messages (one
level deep). A container itself stays among the files.
"""

from dataclasses import dataclass, field

from msgspec import structs

from services.case_writer.reading.attachments.builder import CMS_TYPES, MAIL_TYPES
from services.case_writer.reading.attachments.signed import is_encrypted, signed_content
from services.case_writer.reading.attachments.winmail import Winmail, open_winmail
from services.case_writer.reading.mime.splitter import Part, split
from services.case_writer.reading.mime.structure import (
    Bodies,
    FilePart,
    Segment,
    split_text_and_files,
)
from services.case_writer.reading.mime.transfer_encoding import (
    decode_transfer_encoding,
    encoding_of,
)
from services.case_writer.reading.mime.uuencoded import UuencodedFile
from services.case_writer.reading.model import AMBIGUOUS, Defects, ReadingLimits
from services.case_writer.reading.text.parts import TextParts
from services.case_writer.reading.text.plain import clean
from services.runtime.mail.charsets import decode
from services.runtime.mail.headers import MailHeaders

_MAX_WRAPPED = 3  # signed mails within signed mails
_WINMAIL_TYPES = frozenset(
    {"application/ms-tnef", "application/vnd.ms-tnef", "application/x-ms-tnef"}
)
# Parts for programs. People can read them if a report has no other text (RFC 3464, 8098, 5965).
_REPORT_TYPES = frozenset(
    {
        "message/delivery-status",
        "message/disposition-notification",
        "message/feedback-report",
        "message/global-delivery-status",
    }
)
_UNTYPED = frozenset(
    {"application/octet-stream", "application/eml", "application/x-eml", "message/eml"}
)
# Defects of an attached message that make the list of its files incomplete: the mail gets them,
# too.
_OF_THE_WHOLE = frozenset({"nested-too-deep", "too-many-parts"})


@dataclass(slots=True)
class AttachedMessage:
    """The text of an attached message, and the defects found in reading it."""

    segments: list[Segment]
    defects: Defects

    @property
    def has_text(self) -> bool:
        return _has_text(self.segments)


@dataclass(slots=True)
class Found:
    """Everything in a mail. Each of `winmails` comes with the file that contains it."""

    segments: list[Segment]
    files: list[FilePart]
    uuencoded: list[UuencodedFile]
    winmails: list[tuple[FilePart, Winmail]] = field(default_factory=list)
    messages: list[AttachedMessage] = field(default_factory=list)

    @property
    def report_texts(self) -> list[str]:
        """The texts of the parts for programs. These parts are also files."""
        reports = [file for file in self.files if file.part.content_type in _REPORT_TYPES]
        own = [file for file in reports if not file.from_message]
        return [clean(decode(file.content()[0], None)[0]) for file in own]


class Containers:
    """Opens one mail and adds to `defects`. All containers of the mail share the limits."""

    def __init__(self, limits: ReadingLimits, defects: Defects) -> None:
        self._limits = limits
        self._defects = defects
        self._parts_left = limits.max_parts
        self._uuencoded: list[UuencodedFile] = []

    def open_mail(self, raw: bytes, headers: MailHeaders) -> Found:
        """The mail's text and files, including the contents of its containers."""
        bodies = self._bodies(raw, headers, self._defects)
        found = Found(bodies.segments, bodies.files, self._uuencoded)
        wrapped = 0
        for file in found.files:  # grows during the loop: an opened container may contain others
            if file.encrypted:
                self._defects.add("encrypted")
            elif file.part.content_type in CMS_TYPES and wrapped < _MAX_WRAPPED:
                wrapped += 1
                self._open_signed(file, found)
            elif file.part.content_type in _WINMAIL_TYPES or _is_winmail(file):
                self._open_winmail(file, found)
            elif _is_message(file):
                self._open_message(file, found)
        return found

    def _bodies(self, raw: bytes, headers: MailHeaders, defects: Defects) -> Bodies:
        limits = self._limits
        if self._parts_left < limits.max_parts:
            limits = structs.replace(limits, max_parts=max(1, self._parts_left))
        parts = split(raw, headers, limits, defects)
        if parts[0].content_type.startswith("multipart/") and not parts[0].children:
            raw, parts = self._encoded_whole(raw, parts, limits, defects)
        self._parts_left -= len(parts)
        texts = TextParts(raw, parts, limits, defects)
        bodies = split_text_and_files(raw, parts, texts.read)
        defects.add(AMBIGUOUS, bodies.has_other_text)
        if defects is self._defects:
            self._uuencoded += texts.files
        return bodies

    def _encoded_whole(
        self, raw: bytes, parts: list[Part], limits: ReadingLimits, defects: Defects
    ) -> tuple[bytes, list[Part]]:
        """Decodes a multipart that was encoded as a whole, which RFC 2045 section 6.4 forbids."""
        root = parts[0]
        encoding = encoding_of(root.headers)
        content, _ = decode_transfer_encoding(raw[root.body : root.end], encoding)
        if b"\n--" not in content or content == raw[root.body : root.end]:
            return raw, parts
        declared = root.headers.raw("content-type") or b""
        decoded = b"Content-Type: " + declared + b"\n\n" + content
        headers = MailHeaders.parse_part(decoded, 0, len(decoded))
        inner = split(decoded, headers, limits, defects)
        if not inner[0].children:
            return raw, parts
        defects.add(AMBIGUOUS)
        return decoded, inner

    def _open_signed(self, file: FilePart, found: Found) -> None:
        content, _ = file.content()
        inner = signed_content(content)
        self._defects.add("encrypted", is_encrypted(content))
        if inner is None:
            return
        defects = Defects() if file.from_message else self._defects
        headers = MailHeaders.parse(inner, max_bytes=self._limits.max_header_bytes)
        within = self._bodies(inner, headers, defects)
        if file.from_message:
            found.messages.append(AttachedMessage(within.segments, defects))
            _mark(within.files)
        else:
            found.segments += within.segments
        found.files += within.files

    def _open_winmail(self, file: FilePart, found: Found) -> None:
        content, _ = file.content()
        winmail = open_winmail(content)
        self._defects.add("winmail-damaged", winmail is None or not winmail.whole)
        if winmail is None:
            return
        found.winmails.append((file, winmail))
        if file.from_message or _has_text(found.segments):
            return
        if winmail.plain or winmail.html:
            found.segments.append(Segment(clean(winmail.plain) or None, winmail.html or None))
        else:
            self._defects.add("winmail-text-unread", winmail.has_rtf)

    def _open_message(self, file: FilePart, found: Found) -> None:
        """Add the files of an attached message, but not those of messages inside it, nor those of a
        mail that a report returns.
        """
        if file.from_message or file.reported:
            return
        if self._parts_left <= 0 or len(found.files) > self._limits.max_attachments:
            self._defects.add("too-many-parts")
            return
        content = file.open()
        defects = Defects()
        headers = MailHeaders.parse(content, max_bytes=self._limits.max_header_bytes)
        if file.part.content_type not in MAIL_TYPES and not headers.has_known_field:
            return
        within = self._bodies(content, headers, defects)
        for word in _OF_THE_WHOLE.intersection(defects.list()):
            self._defects.add(word)
        _mark(within.files)
        found.files += within.files
        found.messages.append(AttachedMessage(within.segments, defects))


def _mark(files: list[FilePart]) -> None:
    for file in files:
        file.from_message = True


def _has_text(segments: list[Segment]) -> bool:
    return any((segment.plain or segment.html or "").strip() for segment in segments)


def _is_winmail(file: FilePart) -> bool:
    return file.name.lower() == "winmail.dat"


def _is_message(file: FilePart) -> bool:
    """Whether a file is a message, by its type. If the type is generic, by its name: some programs
    attach saved mails as plain data.
    """
    if file.part.content_type in MAIL_TYPES:
        # a part with a boundary is not a message, but a multipart that is nested too deep
        return not file.part.boundary
    return file.part.content_type in _UNTYPED and file.name.lower().endswith(".eml")
