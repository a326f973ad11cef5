"""The case reference `[#235]`: the number as people see it. Only this module writes and reads
it.
"""

import re
from functools import cached_property

import msgspec

MAX_DIGITS = 15  # below 2**53, so that a number survives every JSON reader

# Unicode's Bidi_Control property: the text after such a character may be displayed elsewhere, so it
# is not trusted.
_BIDI_CONTROL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Programs set to Hebrew or Arabic begin each subject with marks of its direction. These are
# harmless unless they are next to the reference itself, whose brackets they mirror.
_LEADING_MARKS = re.compile("[\u061c\u200e\u200f]++(?![\\s\u061c\u200e\u200f]*+\\[)")


class CaseReference(msgspec.Struct, frozen=True, dict=True):
    """The form of the reference in this installation; `prefix` is a word before the number: `[Case
    #235]`.

    The form without the prefix is read too unless `reads_bare` is false, so that replies to mails
    sent before a change of the setting find their case. Other systems number their tickets in the
    same form.
    """

    prefix: str = ""
    reads_bare: bool = True

    def write(self, number: int) -> str:
        """`[#235]`, or `[Case #235]` with the prefix. Raises ValueError for a number that could not
        be read back.
        """
        if not 0 < number < 10**MAX_DIGITS:
            raise ValueError(f"case number {number} is not between 1 and {10**MAX_DIGITS - 1}")
        return f"[{self.prefix} #{number}]" if self.prefix else f"[#{number}]"

    def title(self, number: int, word: str) -> str:
        """The reference after `word`: `Case [#235]`. A prefix replaces the word."""
        return self.write(number) if self.prefix else f"{word} {self.write(number)}"

    def find(self, subject: str) -> list[int]:
        """Every case number in a decoded, unfolded subject, in order and without duplicates.

        Numbers have at most 15 ASCII digits, without sign or leading zero. Spaces inside the
        brackets are allowed.
        """
        if "#" not in subject:
            return []
        marks = _LEADING_MARKS.match(subject)
        control = _BIDI_CONTROL.search(subject, marks.end() if marks else 0)
        visible = subject[: control.start()] if control else subject
        return list(dict.fromkeys(int(digits) for digits in self._pattern.findall(visible)))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        optional = "?" if self.reads_bare else ""
        prefix = rf"(?:{re.escape(self.prefix)}[ \t]{{0,4}}){optional}" if self.prefix else ""
        blanks = r"[ \t]{0,4}"
        return re.compile(
            rf"\[{blanks}{prefix}#([1-9][0-9]{{0,{MAX_DIGITS - 1}}}){blanks}\]", re.IGNORECASE
        )
