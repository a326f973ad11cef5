"""Which parts of a mail are its text, which are files: multipart structure (RFC 2046, RFC 2387) as readers show it."""

import html as markup
from collections.abc import Callable
from dataclasses import dataclass, field

from services.case_writer.reading.parameters import Parameters
from services.case_writer.reading.splitter import Part
from services.case_writer.reading.transfer import undo

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_PLAIN = frozenset({"text/plain", "text/enriched", "text/richtext", "text/markdown", "text/x-markdown"})
_COPIES = frozenset({"text/x-amp-html", "text/watch-html"})  # the same letter once more, for one program only


@dataclass(slots=True)
class Segment:
    """A stretch of a mail's text, in one form or in two forms of the same; None where a form is absent."""

    plain: str | None = None
    html: str | None = None


@dataclass(slots=True)
class FilePart:
    """A part of `raw` that is no text; `related` to the text beside it (RFC 2387), `encrypted` by RFC 1847."""

    raw: bytes
    part: Part
    disposition: Parameters
    related: bool
    encrypted: bool

    def content(self) -> tuple[bytes, bool]:
        """The bytes of the file, and whether its transfer encoding was damaged."""
        encoding = self.part.headers.text("content-transfer-encoding") or ""
        return undo(self.raw[self.part.body : self.part.end], encoding)


@dataclass(slots=True)
class Bodies:
    """A mail's text and files, both in their order."""

    segments: list[Segment] = field(default_factory=list)
    files: list[FilePart] = field(default_factory=list)


TextOf = Callable[[Part, str], str]


def arrange(raw: bytes, parts: list[Part], text_of: TextOf) -> Bodies:
    """Sort the parts of `raw` into text and files; `text_of(part, content_type)` reads a text part."""
    return _Arranger(raw, parts, text_of).arrange()


class _Arranger:
    def __init__(self, raw: bytes, parts: list[Part], text_of: TextOf) -> None:
        self._raw = raw
        self._parts = parts
        self._text_of = text_of
        self._parent = {child: part for part in parts for child in part.children}
        self._segments: list[list[Segment]] = [[] for _ in parts]
        self._files: list[FilePart] = []
        self._has_text = False

    def arrange(self) -> Bodies:
        for index, part in enumerate(self._parts):
            if not part.children:
                self._sort(index, part)
        for index in reversed(range(len(self._parts))):  # children come after their parent
            if self._parts[index].children:
                self._segments[index] = self._combined(self._parts[index])
        return Bodies(self._segments[0], self._files)

    def _sort(self, index: int, part: Part) -> None:
        parent = self._parent.get(index)
        disposition = Parameters(part.headers.raw("content-disposition"))
        content_type = part.content_type
        if content_type.startswith("multipart/"):  # one in which no part was found
            content_type = "text/plain"
        is_html = content_type in _HTML
        if (is_html or content_type in _PLAIN) and self._is_text(part, parent, disposition):
            text = self._text_of(part, content_type)
            self._has_text = self._has_text or bool(text and not text.isspace())
            self._segments[index] = [Segment(html=text) if is_html else Segment(plain=text)]
        elif content_type not in _COPIES or parent is None or parent.content_type != "multipart/alternative":
            encrypted = parent is not None and parent.content_type == "multipart/encrypted"
            self._files.append(FilePart(self._raw, part, disposition, self._is_related(part, parent), encrypted))

    def _is_text(self, part: Part, parent: Part | None, disposition: Parameters) -> bool:
        """A text part is a file if it says so, or if it has a file's name and comes after a text."""
        named = disposition.text("filename") is not None or part.parameters.text("name") is not None
        if disposition.value == "attachment":
            return parent is None and not named
        return (
            not named or not self._has_text or (parent is not None and parent.content_type == "multipart/alternative")
        )

    def _is_related(self, part: Part, parent: Part | None) -> bool:
        if parent is None or parent.content_type != "multipart/related":
            return False
        return part is not self._parts[parent.children[0]]

    def _combined(self, part: Part) -> list[Segment]:
        inner = [self._segments[child] for child in part.children]
        if part.content_type == "multipart/alternative":
            return _alternative(inner)
        return [segment for segments in inner for segment in segments]


def _alternative(choices: list[list[Segment]]) -> list[Segment]:
    """One text in several forms: the first plain one that says something, the last one with HTML (the richest)."""
    plain: str | None = None
    html: str | None = None
    for segments in choices:
        if not segments:
            continue
        if any(segment.html is not None for segment in segments):
            html = "\n".join(html_of(segment) for segment in segments)
        elif plain is None or not plain.strip():
            plain = "\n".join(segment.plain or "" for segment in segments)
    return [] if plain is None and html is None else [Segment(plain, html)]


def html_of(segment: Segment) -> str:
    """The HTML form, made from the plain one where there is no other."""
    if segment.html is not None:
        return segment.html
    return f'<div style="white-space:pre-wrap">{markup.escape(segment.plain or "", quote=False)}</div>'
