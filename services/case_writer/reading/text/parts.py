"""Reads a text part: decodes its transfer encoding, extracts uuencoded files, decodes its
charset.
"""

import re

from services.case_writer.reading.mime.splitter import Part
from services.case_writer.reading.mime.transfer_encoding import (
    decode_transfer_encoding,
    encoding_of,
)
from services.case_writer.reading.mime.uuencoded import UuencodedFile, extract
from services.case_writer.reading.model import AMBIGUOUS, Defects, ReadingLimits
from services.case_writer.reading.text.plain import body_text

_MOST_BOUNDARIES = 20  # searched for in each text


class TextParts:
    """Reads the text parts of `raw` and adds to `defects`. `files` are the files that were
    uuencoded in them.
    """

    def __init__(
        self, raw: bytes, parts: list[Part], limits: ReadingLimits, defects: Defects
    ) -> None:
        self._raw = raw
        self._limits = limits
        self._defects = defects
        self._closings = _closing_lines(parts)
        self.files: list[UuencodedFile] = []

    def read(self, part: Part, content_type: str) -> str:
        """The text of a part, read as `content_type`."""
        content = self._without_closing_lines(self._raw[part.body : part.end])
        data, damaged = decode_transfer_encoding(content, encoding_of(part.headers), is_text=True)
        self._defects.add("text-damaged", damaged)
        if not content_type.endswith("html"):
            data, files = extract(data, self._limits.max_attachments - len(self.files))
            self.files += files
        data = self._bounded(data, content_type)
        text, repaired = body_text(data, part.parameters, content_type)
        self._defects.add("charset-repaired", repaired)
        return text

    def _without_closing_lines(self, content: bytes) -> bytes:
        """The text without a closing boundary line, which does not belong to it."""
        for line in self._closings:
            if line in content:
                content, count = _whole_line(line).subn(b"", content)
                self._defects.add(AMBIGUOUS, count)
        return content

    def _bounded(self, data: bytes, content_type: str) -> bytes:
        """As many bytes as the limit may need at four bytes per character, up to the end of a line.
        The rest would be cut anyway.
        """
        is_html = content_type.endswith("html")
        limit = 4 * (self._limits.max_html_chars if is_html else self._limits.max_text_chars)
        if len(data) <= limit or (is_html and b"data:image/" in data):
            return data
        self._defects.add("html-shortened" if is_html else "text-shortened")
        end = data.rfind(b"\n", limit // 2, limit)
        return data[: end if end > 0 else limit]


def _closing_lines(parts: list[Part]) -> list[bytes]:
    """The closing boundary of each multipart that the mail declares."""
    declared = (part.boundary or part.parameters.boundary() for part in parts)
    lines = [b"--" + boundary + b"--" for boundary in dict.fromkeys(declared) if boundary]
    return lines[:_MOST_BOUNDARIES]


def _whole_line(line: bytes) -> re.Pattern[bytes]:
    """Few texts contain such a line, and each mail has boundaries of its own to compile."""
    return re.compile(rb"^" + re.escape(line) + rb"[ \t]*+\r?(?:\n|\Z)", re.MULTILINE)
