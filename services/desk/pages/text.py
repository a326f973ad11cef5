"""Makes deceptive characters in texts of mails visible: those that reorder or hide others. Pure.

Templates escape HTML. This module protects against names such as `invoice<RLO>fdp.exe`, which look
different from what they are.
"""

import re
from functools import lru_cache

# Bidirectional controls (Unicode TR9, 2.1 to 2.6), zero-width characters, and other controls.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def plain(text: str) -> str:
    """The text with such characters replaced by U+FFFD; line feeds and tabs stay."""
    if text.isprintable():  # the usual case; none of the characters above is printable
        return text
    return _UNSEEN.sub(_REPLACEMENT, text.replace("\r\n", "\n"))


@lru_cache(maxsize=1_000)
def initials(name: str) -> str:
    """One or two capital letters for a person's or a group's name, `?` if it has none."""
    words = [word for word in re.split(r"[\s.@_-]+", name) if word[:1].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"
