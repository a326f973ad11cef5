"""Converts sanitized HTML to the lines that a reader sees, in one pass over its tags and in linear
time.

It understands only what nh3 writes: known tags, properly closed, each attribute quoted with `"`.
"""

import re
from collections.abc import Iterator
from typing import cast

from services.case_writer.reading.text.attributions import is_attribution
from services.case_writer.reading.text.plain import without_controls

_TAG = re.compile(r'<(/?[a-z0-9]+)((?: [a-z-]+="[^"]*+")*+)>')
# Marks in the text, which itself contains none of these control characters. All marks of line ends
# begin with the same character, so that they are found fast.
_BREAK, _LINE, _PARAGRAPH, _CELL, _ROW, _ROW_ENDS = (
    f"\x01{sign}" for sign in "\n\x02\x03\x04\x05\x06"
)
_OPEN, _CLOSE, _BLANK, _TAB = "\x07\x08\x0e\x0f"
_ALL_MARKS = "\x01\x02\x03\x04\x05\x06\x07\x08\x0e\x0f"
_RUN = re.compile("\x01[\x01-\x06\n ]*+")
_MARKS: dict[str, str | None] = {
    "br": _BREAK,
    "tr": _ROW,
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6", "hr", "p"), _PARAGRAPH),
    **dict.fromkeys(
        ("address", "article", "aside", "caption", "center", "dd", "div", "dl", "dt"), _LINE
    ),
    **dict.fromkeys(("figcaption", "figure", "footer", "header", "main", "pre", "section"), _LINE),
    **dict.fromkeys(("table", "tbody", "tfoot", "thead"), _LINE),
}
_MARKS |= {f"/{name}": mark for name, mark in _MARKS.items()} | {"/tr": _ROW_ENDS, "/li": _LINE}
# what these become depends on their neighbors
_MARKS |= dict.fromkeys(("blockquote", "/blockquote", "li", "ol", "/ol", "ul", "/ul", "td", "th"))
_QUOTE_MARKS = (' type="cite"', ' class="gmail_quote"')
_REFERENCES = (("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", "\xa0"), ("&amp;", "&"))
_ATTRIBUTION_TAGS = 24  # examined before a `blockquote`
_ATTRIBUTION_LINES = 2
_MAX_LINE = 400
_MAX_QUOTE_DEPTH = 50
_MAX_INDENT = 20
_NUMBER = re.compile(r' (?:start|value)="(\d{1,6})"')
_KEEPS_BLANKS = re.compile(r' style="[^"]*?white-space:\s*(?:pre|break-spaces)')
# A delimiter that a program wrote (RFC 3676 section 4.3): people do not type its space.
_SIGNATURE_TEXT = re.compile(r"(?<=>)--(?: |&nbsp;)(?=<)")
_BLANKS = str.maketrans({" ": _BLANK, "\t": _TAB, "\n": "<br>"})


def to_text(safe: str) -> str:
    """The text of sanitized HTML, laid out in lines; what mail programs quote is marked with
    `>`.
    """
    if any(mark in safe for mark in _ALL_MARKS):
        safe = without_controls(safe)
    if "<pre" in safe or "white-space:" in safe:
        safe = "".join(_with_blanks_kept(safe))
    if _SIGNATURE_TEXT.search(safe):
        safe = _SIGNATURE_TEXT.sub(f"--{_BLANK}", safe)
    text = _Layout().marked(safe.replace("\n", " ").replace("\t", " "))
    while "  " in text:
        text = text.replace("  ", " ")
    gaps = _Gaps()
    text = (
        _RUN.sub(lambda run: gaps[run[0]], text)
        .replace(" \n", "\n")
        .replace(" \t", "\t")
        .strip("\n ")
    )
    text = text.replace(_BLANK, " ").replace(_TAB, "\t")
    if "&" in text:
        text = _with_signs(text)
    return without_controls("\n".join(_quoted_lines(text)) if _OPEN in text else text)


def has_quotes(safe: str) -> bool:
    """Whether sanitized HTML contains a quote marked by a mail program."""
    return any(mark in safe for mark in _QUOTE_MARKS)


class _Layout:
    """Replaces each tag that begins or ends a line with a mark, and drops all others."""

    def __init__(self) -> None:
        self._lists: list[
            int | None
        ] = []  # the next number of each open list, None if it has bullets
        self._is_quote: list[bool] = []

    def marked(self, safe: str) -> str:
        pieces = _TAG.split(safe)  # text, a tag's name, its attributes, text …
        names = pieces[1::3]
        marks = [_MARKS.get(name, "") for name in names]
        for index in [index for index, mark in enumerate(marks) if mark is None]:
            before = names[index - 1] if index and not pieces[3 * index].strip() else ""
            attributes = pieces[3 * index + 2]
            if (
                names[index] == "blockquote"
                and not has_quotes(attributes)
                and (
                    _is_below_attribution(pieces, marks, index)
                    or _begins_with_attribution(pieces, marks, index)
                )
            ):
                attributes = _QUOTE_MARKS[0]
            marks[index] = self._mark(names[index], attributes, before)
            if names[index : index + 2] == ["li", "p"] and not pieces[3 * index + 3].strip():
                marks[index + 1] = ""  # the paragraph would be below its own bullet
        pieces[1::3] = cast("list[str]", marks)
        pieces[2::3] = [""] * len(names)
        return "".join(pieces)

    def _mark(self, name: str, attributes: str, before: str) -> str:
        if name == "li":
            return f"{_LINE}{self._bullet(attributes)}"
        if name in ("td", "th"):
            return _CELL if before in ("/td", "/th") else _LINE
        if name.endswith("blockquote"):
            return self._quote(attributes, opens=name[0] != "/")
        if name[0] == "/":
            del self._lists[-1:]
        else:
            number = _NUMBER.search(attributes)
            self._lists.append(None if name == "ul" else int(number[1]) if number else 1)
        return _LINE if self._lists[1:] or before == "li" else _PARAGRAPH

    def _bullet(self, attributes: str) -> str:
        indent = _BLANK * 2 * min(max(len(self._lists), 1), _MAX_INDENT)
        number = self._lists[-1] if self._lists else None
        if number is None:
            return f"{indent}•{_BLANK}"
        given = _NUMBER.search(attributes)
        number = int(given[1]) if given else number
        self._lists[-1] = number + 1
        return f"{indent}{number}.{_BLANK}"

    def _quote(self, attributes: str, *, opens: bool) -> str:
        if opens:
            self._is_quote.append(has_quotes(attributes))
            return f"{_LINE}{_OPEN}{_LINE}" if self._is_quote[-1] else _LINE
        return f"{_LINE}{_CLOSE}{_LINE}" if self._is_quote and self._is_quote.pop() else _LINE


def _is_below_attribution(pieces: list[str], marks: list[str | None], index: int) -> bool:
    """Whether the text above tag `index` introduces a quote: some programs do not mark their
    `blockquote`.
    """
    lines = [""]
    for at in range(index, max(index - _ATTRIBUTION_TAGS, -1), -1):
        lines[-1] = f"{pieces[3 * at][-_MAX_LINE:]}{lines[-1]}"
        if at and marks[at - 1] != "":
            if lines[-1].strip():
                lines.append("")
            if len(lines) > _ATTRIBUTION_LINES:
                break
    joined = ""
    for line in lines[:_ATTRIBUTION_LINES]:
        joined = _with_signs(f"{line.strip()} {joined}")
        if _introduces_quote(joined):
            return True
    return False


def _begins_with_attribution(pieces: list[str], marks: list[str | None], index: int) -> bool:
    """Whether the first line inside the `blockquote` of tag `index` introduces a quote: mail.ru and
    Libero put it there.
    """
    line = ""
    for at in range(index + 1, min(index + _ATTRIBUTION_TAGS, len(marks)) + 1):
        line += pieces[3 * at][:_MAX_LINE]
        if line.strip() and (at == len(marks) or marks[at] != ""):
            break
    return _introduces_quote(_with_signs(line))


def _introduces_quote(line: str) -> bool:
    has_date_or_address = "@" in line or any(map(str.isdigit, line))
    return has_date_or_address and is_attribution(line, above_quote=True)


def _with_signs(text: str) -> str:
    for reference, sign in _REFERENCES:
        text = text.replace(reference, sign)
    return text


class _Gaps(dict[str, str]):
    """Replaces a run of marks with the tabs between cells, or with as many line ends as a browser
    would show.
    """

    def __missing__(self, run: str) -> str:
        cells = 0 if _ROW in run else run.count(_CELL)
        # rows of cells are lines
        is_paragraph = _PARAGRAPH in run and not (_ROW in run and _ROW_ENDS in run)
        # `<br>` ends a line, a block only one that has begun
        lines = run.count("\n") + (run[1] != "\n")
        gap = "\t" * cells or "\n" * max(lines, 2 if is_paragraph else 1)
        self[run] = gap
        return gap


def _with_blanks_kept(safe: str) -> Iterator[str]:
    """Marks the spaces and line ends of preformatted text, so that they are kept."""
    outer, depth, done = "", 0, 0
    for tag in _TAG.finditer(safe):
        text = safe[done : tag.start()]
        yield text.translate(_BLANKS) if depth else text
        yield tag[0]
        done = tag.end()
        if not depth and (tag[1] == "pre" or _KEEPS_BLANKS.search(tag[2])):
            outer = tag[1]
        depth += (tag[1] == outer) - (depth > 0 and tag[1] == f"/{outer}")
    yield safe[done:]


def _quoted_lines(text: str) -> Iterator[str]:
    depth = 0
    for line in text.split("\n"):
        opened, closed = line.count(_OPEN), line.count(_CLOSE)
        depth += opened
        if opened or closed:
            line = line.replace(_OPEN, "").replace(_CLOSE, "").strip()  # noqa: PLW2901 - the same line, unmarked
        if line or not (opened or closed):
            yield f"{'>' * min(depth, _MAX_QUOTE_DEPTH)} {line}".rstrip() if depth else line
        depth = max(0, depth - closed)
