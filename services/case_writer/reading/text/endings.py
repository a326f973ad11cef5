"""Removes what programs add below a text: a signature, the footer of a mailing list, the line of a
device.
"""

from services.case_writer.reading.text.devices.lines import is_device_line, is_link_to_device
from services.case_writer.reading.text.header_blocks import Reply
from services.case_writer.reading.text.lines import low_of
from services.case_writer.reading.text.marked_lines import COLONS
from services.case_writer.reading.text.originals import (
    FOOTER_RULE,
    OriginalLines,
    is_reply_marker,
)
from services.case_writer.reading.text.signatures import (
    is_heading,
    is_list_footer,
    is_signature,
    is_unfinished,
)

_SIGNATURE_LINES = 12
_SIGNATURES = 3
_RULE_SIGNS = "_-=#~"
_BULLETS = ("- ", "* ", "\u2022 ", "\u00b7 ")


class LinesWithEnding(OriginalLines):
    """Lines that know where the author's text ends. `author` is their name and address."""

    def __init__(self, text: str, author: str, reply: Reply) -> None:
        super().__init__(text, reply)
        self._author = author

    def without_signature(self, kept: range) -> range:
        """The lines without the signature below `-- `, the footer of a mailing list, and the lines
        of a device or a help desk.
        """
        stop = self._without_device_lines(kept)
        for _ in range(_SIGNATURES):
            start = self._signature_start(range(kept.start, stop))
            if start is None:
                break
            stop = self._without_device_lines(range(kept.start, start))
        return range(kept.start, stop)

    def _without_device_lines(self, kept: range) -> int:
        stop = kept.stop
        while stop > kept.start:
            bare = self.bare[stop - 1]
            if bare and self._is_introduced(stop - 1, kept.start):
                break
            if not bare or is_device_line(bare) or is_reply_marker(low_of(bare)):
                stop -= 1
            elif stop - 1 > kept.start and is_link_to_device(bare, self.bare[stop - 2]):
                stop -= 2
            else:
                break
        return stop

    def _is_introduced(self, index: int, start: int) -> bool:
        """Whether the text above announces this line, or asks for it directly above, or both are
        items of one list: no program adds it then.
        """
        if self._introduces(start, index):
            return True
        above = self.bare[index - 1] if index > start else ""
        bullet = self.bare[index][:2]
        return above[-1:] == "?" or (bullet in _BULLETS and above[:2] == bullet)

    def _signature_start(self, kept: range) -> int | None:
        """The index of the delimiter or rule with which the last signature or footer of `kept`
        begins.
        """
        below: list[str] = []
        is_framed = False
        for index in reversed(kept):
            bare = self.bare[index]
            if self.is_quoted[index] or len(below) > _SIGNATURE_LINES:
                return None
            if bare == "--" and below:
                return index if self._is_signature(index, below[::-1], kept) else None
            if bare == "--":
                return index
            if len(bare) >= FOOTER_RULE and not bare.strip(_RULE_SIGNS):
                if below:
                    is_footer = self._is_footer(index, below[::-1], kept, is_framed=is_framed)
                    return index if is_footer else None
                is_framed = True
            elif bare:
                below.append(bare)
        return None

    def _is_footer(self, rule: int, below: list[str], kept: range, *, is_framed: bool) -> bool:
        """Whether the lines below a rule are the footer of a mailing list. People underline their
        headings, and frame what they show.
        """
        if self._introduces(kept.start, rule):
            return False
        has_line_above = rule > kept.start and bool(self.bare[rule - 1])
        is_underscored = not self.bare[rule].strip("_")
        return is_list_footer(
            below,
            may_be_own=has_line_above or is_framed or bool(self.bare[rule].strip("_-")),
            may_be_listing=not is_framed and (is_underscored or not has_line_above),
        )

    def _is_signature(self, delimiter: int, below: list[str], kept: range) -> bool:
        if self._introduces(kept.start, delimiter):
            return False
        is_typed = not self.lines[delimiter][-1:].isspace()
        if is_typed and is_heading(self.bare[delimiter - 1] if delimiter > kept.start else ""):
            return False
        return is_signature(below, author=self._author, is_typed=is_typed)

    def _introduces(self, start: int, delimiter: int) -> bool:
        """Whether the last line above the delimiter announces what is below: `Please send:`."""
        lines = range(delimiter - 1, start - 1, -1)
        above = next((self.bare[at] for at in lines if self.bare[at]), "")
        return bool(above) and (above[-1] in COLONS or is_unfinished(above))
