"""Sorts the parts of a mail into text and files, as mail programs show them (RFC 2046, RFC
2387).
"""

import html as markup
from collections.abc import Callable
from dataclasses import dataclass, field

from services.case_writer.reading.mime.parameters import Parameters
from services.case_writer.reading.mime.splitter import Part
from services.case_writer.reading.mime.transfer_encoding import decode_part, encoding_of

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_PLAIN = frozenset(
    {"text/plain", "text/enriched", "text/richtext", "text/markdown", "text/x-markdown"}
)
# copies of the same text for one particular program
_COPIES = frozenset({"text/x-amp-html", "text/watch-html"})


@dataclass(slots=True)
class Segment:
    """A section of a mail's text, as plain text, as HTML, or both. A missing form is None."""

    plain: str | None = None
    html: str | None = None


@dataclass(slots=True)
class FilePart:
    """A part of `raw` that is not text. It may be `related` to the text next to it (RFC 2387), or
    `encrypted` (RFC 1847).

    `reported` means that it is a part of a report (RFC 3462), `from_message` that it is a part of
    an attached message.
    """

    raw: bytes
    part: Part
    disposition: Parameters
    related: bool
    encrypted: bool
    reported: bool = False
    from_message: bool = False
    charset: str | None = None  # the charset of raw bytes in its name
    opened: tuple[bytes, bool] | None = None

    @property
    def name(self) -> str:
        """The name in the mail; empty if it has none."""
        charset = self.charset
        return (
            self.disposition.text("filename", charset)
            or self.part.parameters.text("name", charset)
            or ""
        )

    def open(self) -> bytes:
        """The bytes of the file. `content` returns the same object from now on."""
        self.opened = self.content()
        return self.opened[0]

    def content(self) -> tuple[bytes, bool]:
        """The bytes of the file, and whether its transfer encoding was damaged."""
        if self.opened is not None:
            return self.opened
        part = self.part
        return decode_part(self.raw, part.body, part.end, encoding_of(part.headers))


@dataclass(slots=True)
class Bodies:
    """A mail's text and files, in the order of the mail.

    `has_other_text` means that two forms of the same text differ, and one of them is left out.
    """

    segments: list[Segment] = field(default_factory=list)
    files: list[FilePart] = field(default_factory=list)
    has_other_text: bool = False


TextOf = Callable[[Part, str], str]


def split_text_and_files(raw: bytes, parts: list[Part], text_of: TextOf) -> Bodies:
    """Sort the parts of `raw` into text and files; `text_of(part, content_type)` reads a text
    part.
    """
    return _Arranger(raw, parts, text_of).split_text_and_files()


class _Arranger:
    def __init__(self, raw: bytes, parts: list[Part], text_of: TextOf) -> None:
        self._raw = raw
        self._parts = parts
        self._text_of = text_of
        self._parent = {child: part for part in parts for child in part.children}
        self._segments: list[list[Segment]] = [[] for _ in parts]
        self._files: list[FilePart] = []
        self._has_text = False
        self._has_other_text = False

    def split_text_and_files(self) -> Bodies:
        for index, part in enumerate(self._parts):
            if not part.children:
                self._sort(index, part)
        for index in reversed(range(len(self._parts))):  # children come after their parent
            if self._parts[index].children:
                self._segments[index] = self._combined(self._parts[index])
        return Bodies(self._segments[0], self._files, self._has_other_text)

    def _sort(self, index: int, part: Part) -> None:
        parent = self._parent.get(index)
        disposition = Parameters(part.headers.raw("content-disposition"))
        content_type = part.content_type
        if content_type.startswith("multipart/"):  # a multipart in which no part was found
            content_type = "text/plain"
        is_html = content_type in _HTML
        if (is_html or content_type in _PLAIN) and self._is_text(part, parent, disposition):
            text = self._text_of(part, content_type)
            self._has_text = self._has_text or bool(text and not text.isspace())
            self._segments[index] = [Segment(html=text) if is_html else Segment(plain=text)]
        elif (
            content_type not in _COPIES
            or parent is None
            or parent.content_type != "multipart/alternative"
        ):
            around = "" if parent is None else parent.content_type
            self._files.append(
                FilePart(
                    self._raw,
                    part,
                    disposition,
                    self._is_related(part, parent),
                    encrypted=around == "multipart/encrypted",
                    reported=around == "multipart/report",
                    charset=self._charset_of_name(part),
                )
            )

    def _charset_of_name(self, part: Part) -> str | None:
        """The charset of raw bytes in a file's name: that of the part, or else that of the mail."""
        raw = (part.headers.raw("content-disposition") or b"") + (
            part.headers.raw("content-type") or b""
        )
        return (
            None
            if raw.isascii()
            else part.headers.named_charset() or self._parts[0].headers.charset_for(raw)
        )

    def _is_text(self, part: Part, parent: Part | None, disposition: Parameters) -> bool:
        """Whether a part is text. A text part is a file if it says so, or if it has a file name and
        comes after a text.
        """
        named = disposition.text("filename") is not None or part.parameters.text("name") is not None
        if disposition.value == "attachment":
            return parent is None and not named
        return (
            not named
            or not self._has_text
            or (parent is not None and parent.content_type == "multipart/alternative")
        )

    def _is_related(self, part: Part, parent: Part | None) -> bool:
        if parent is None or parent.content_type != "multipart/related":
            return False
        return part is not self._parts[parent.children[0]]

    def _combined(self, part: Part) -> list[Segment]:
        inner = [self._segments[child] for child in part.children]
        if part.content_type == "multipart/alternative":
            segments, left_out = _alternative(inner)
            copies = any(self._parts[child].content_type in _COPIES for child in part.children)
            left_out = left_out or (
                copies and not any(segment.plain or segment.html for segment in segments)
            )
            self._has_other_text = self._has_other_text or left_out
            return segments
        return [segment for segments in inner for segment in segments]


def _alternative(choices: list[list[Segment]]) -> tuple[list[Segment], bool]:
    """One text in several forms: the first plain form that is not blank, and the last form with
    HTML (the richest).

    Also returns whether another form says something different.
    """
    plains: list[str] = []
    htmls: list[str] = []
    for segments in choices:
        if any(segment.html is not None for segment in segments):
            htmls.append("\n".join(html_of(segment) for segment in segments))
            both = [
                segment.plain for segment in segments if segment.plain and segment.html is not None
            ]
            plains += ["\n".join(both)] if both else []
        elif segments:
            plains.append("\n".join(segment.plain or "" for segment in segments))
    plain = next((form for form in plains if form.strip()), plains[-1] if plains else None)
    html = htmls[-1] if htmls else None
    left_out = _differs(plains, plain) or _differs(htmls, html)
    return [] if plain is None and html is None else [Segment(plain, html)], left_out


def _differs(forms: list[str], chosen: str | None) -> bool:
    """Whether a form says something different from the chosen one. Blank forms do not count."""
    if len(forms) < 2:
        return False
    words = (chosen or "").split()
    return any(form.split() not in ([], words) for form in forms)


def html_of(segment: Segment) -> str:
    """The HTML form, made from the plain one if there is no other."""
    if segment.html is not None:
        return segment.html
    return (
        f'<div style="white-space:pre-wrap">{markup.escape(segment.plain or "", quote=False)}</div>'
    )
