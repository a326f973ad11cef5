"""The mail that an answer quotes, below the answer's own text. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

MAX_QUOTED_CHARS = 20_000
_ATTRIBUTIONS: Mapping[str, str] = {
    "en": "On {at:%d %B %Y at %H:%M} UTC {name} wrote:",
    "pl": "W dniu {at:%d.%m.%Y} o {at:%H:%M} UTC {name} napisał(a):",
    "de": "Am {at:%d.%m.%Y} um {at:%H:%M} UTC schrieb {name}:",
}


@dataclass(frozen=True)
class QuotedMail:
    """The mail to quote: its author's own text, without quotes in it."""

    name: str
    at: datetime
    text: str


def quote(mail: QuotedMail, language: str) -> str:
    """The attribution, and the text with `> ` before each line. A text over MAX_QUOTED_CHARS is cut
    at a line.
    """
    attribution = _ATTRIBUTIONS.get(language, _ATTRIBUTIONS["en"]).format(
        at=mail.at, name=mail.name
    )
    text = mail.text[:MAX_QUOTED_CHARS]
    if len(mail.text) > MAX_QUOTED_CHARS:
        text = f"{text.rpartition(chr(10))[0] or text}\n[…]"
    lines = [f"> {line}".rstrip() for line in text.splitlines()]
    return "\n".join([attribution, *lines])
