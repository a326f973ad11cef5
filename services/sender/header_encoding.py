"""Header lines of outgoing mail. Pure.

Values are folded and encoded here (RFC 5322 section 2.2.3, RFC 2047) instead of by the standard
library, which on Python 3.11 loses spaces between the encoded words of a long subject. Control
characters become spaces, so no value can end its header.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence

LINE = 76  # characters: the limit of RFC 2047 section 2 for lines with encoded words
_WORD_BYTES = 45  # 60 characters of base64; with delimiters, less than the 75 that RFC 2047 allows
_PLAIN = re.compile(r"[!-~]{1,60}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def one_line(text: str) -> str:
    """The text on one line, without control characters, and with each run of spaces as one."""
    return " ".join(_INVISIBLE.sub(" ", text).split())


def header(name: str, value: str) -> bytes:
    """A header line from a value in plain ASCII or made by the functions below.

    Raises ValueError for any other value.
    """
    line = f"{name}: {value}\r\n".encode("ascii")
    if re.search(rb"\r\n[^ ]|[^\r]\n|\r[^\n]", line[:-2]):
        raise ValueError(f"the value of {name} would end its header")
    return line


def text_value(name: str, text: str) -> str:
    """Any text: leading ASCII words stay as they are, and the rest is encoded as a whole."""
    words = one_line(text).split(" ")
    clear = 0
    while clear < len(words) and _is_plain(words[clear]):
        clear += 1
    pieces = words[:clear]
    if clear < len(words):
        column = (len(name) + 2 + sum(len(word) + 1 for word in pieces)) % LINE
        pieces += _encoded_words(" ".join(words[clear:]), LINE - column)
    return _folded(len(name) + 2, pieces)


def person_value(name: str, shown: str, address: str) -> str:
    """`shown <address>`, quoted or encoded as needed; only the address if there is no name."""
    shown = one_line(shown)
    if not shown:
        return address
    if _ATOMS.fullmatch(shown) and "=?" not in shown:
        pieces = shown.split(" ")
    elif shown.isascii() and "=?" not in shown:
        pieces = ['"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"']
    else:
        pieces = list(_encoded_words(shown, LINE - len(name) - 2))
    return _folded(len(name) + 2, [*pieces, f"<{address}>"])


def list_value(items: Sequence[str], separator: str = "") -> str:
    """Addresses or Message-IDs, each on a line of its own."""
    return f"{separator}\r\n ".join(items)


def _is_plain(word: str) -> bool:
    return bool(_PLAIN.fullmatch(word)) and "=?" not in word


def _encoded_words(text: str, first: int) -> Iterator[str]:
    """Encoded words of whole characters; `first` is the room on the first line.

    Readers drop the spaces between encoded words (RFC 2047 section 6.2).
    """
    chunk = b""
    room = min(_WORD_BYTES, max(0, (first - 13) // 4 * 3))
    for character in text:
        encoded = character.encode()
        if len(chunk) + len(encoded) > (room or _WORD_BYTES):
            yield _encoded_word(chunk)
            chunk, room = b"", _WORD_BYTES
        chunk += encoded
    yield _encoded_word(chunk)


def _encoded_word(chunk: bytes) -> str:
    return f"=?utf-8?b?{b64encode(chunk).decode()}?="


def _folded(column: int, pieces: Sequence[str]) -> str:
    """Pieces separated by spaces, folded into lines of at most LINE characters if possible."""
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if column + len(lines[-1]) + 1 + len(piece) > LINE:
            lines.append(piece)
            column = 1
        else:
            lines[-1] += f" {piece}"
    return "\r\n ".join(lines)
