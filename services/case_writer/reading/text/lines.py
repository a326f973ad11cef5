"""Prepares the lines of a text for the scanner of quotes."""

MAX_LINE = 400  # no marker of a mail program is longer
_MAX_INITIALS = 5
_WIDE_BLANKS = "\xa0\u2007\u202f\u2009\u200a\u3000"
_INVISIBLE = "\u200b\u200e\u200f\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_WIDE_COLON = "\uff1a"
_ODD_BLANKS = _WIDE_BLANKS + _INVISIBLE + _WIDE_COLON
_TO_PLAIN = str.maketrans(
    dict.fromkeys(_WIDE_BLANKS, " ") | dict.fromkeys(_INVISIBLE) | {_WIDE_COLON: ":"}
)
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2500\u2501"
_TO_DASH = str.maketrans(dict.fromkeys(_DASHES, "-"))


def bare_lines(text: str, lines: list[str]) -> list[str]:
    """The lines of `text` without spaces at their ends, with plain spaces and colons, and rules of
    `-`.
    """
    if text.isascii():
        return list(map(str.strip, lines))
    has_odd_blanks = any(map(text.__contains__, _ODD_BLANKS))  # translating all lines is expensive
    bare = list(map(_plain if has_odd_blanks else str.strip, lines))
    if any(sign * 3 in text for sign in _DASHES):
        return list(map(_with_plain_rule, bare))
    return bare


def is_open(line: str) -> bool:
    """Whether a line ends inside `<address>`: with its `<`, or with everything except its `>`."""
    end = line[-MAX_LINE:]
    opened = end.rfind("<")
    return opened > end.rfind(">") and (
        opened + 1 == len(end) or ("@" in end[opened:] and " " not in end[opened:])
    )


def _with_plain_rule(bare: str) -> str:
    """The line with `-` if it begins with a rule of other dashes."""
    return bare.translate(_TO_DASH) if bare[:1] in _DASHES and not bare[:3].strip(_DASHES) else bare


def initials_of(bare: str) -> str:
    """The `AN` of `AN> Hello`; "" if the line does not begin like this."""
    mark, quoted, _ = bare[:_MAX_INITIALS].partition(">")
    return mark if quoted and mark.isalpha() and mark.isupper() else ""


def _plain(line: str) -> str:
    """The line without spaces at its ends, and with plain spaces in it."""
    return line.strip() if line.isascii() else line.translate(_TO_PLAIN).strip()


def low_of(bare: str) -> str:
    """The line in lower case, for comparison; `…` if it is too long to be a marker."""
    return "…" if len(bare) > MAX_LINE else bare.lower()
