"""Converts header values to text on one clean line: encoded words (RFC 2047) and raw 8-bit. Never
raises.

More is accepted than RFC 2047 allows, because mail programs write more: words without spaces around
them, words cut inside a letter or a base64 group, spaces and question marks inside a word.
"""

import re
from binascii import Error as _Base64Error
from binascii import a2b_base64, a2b_qp

from services.runtime.mail.charsets import decode, decode_unlabeled

# `=?` may not occur inside a word, so that each search ends at the start of the next word and the
# time is linear.
_WORD = re.compile(
    rb"=\?([!->@-~]{1,80})\?([bBqQ])\?((?:[^?=]++|=(?!\?(?!=))|\?(?!=))*+)\?=",
)
_LANGUAGE = b"*"  # RFC 2231 section 5: `=?utf-8*pl?Q?…?=`
MAX_RUNS = 300
_MAX_PADDED = 1000  # pieces of base64 with their own padding, one after the other
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_NOT_BASE64 = bytes(byte for byte in range(256) if byte not in _BASE64)
# Control characters, including NUL and U+0085, and the separators that some programs show as line
# breaks.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def header_text(raw: bytes, charset: str | None = None) -> str:
    """A header's value as a person reads it: unfolded, decoded, on one line, without control
    characters.

    `charset` is the charset that the mail names elsewhere, for bytes beyond ASCII that are not
    UTF-8.
    """
    raw = unfold(raw)
    if _is_plain(raw):
        return one_line(raw.decode("ascii"))
    return one_line(decode_words(raw, charset))


def may_contain(raw: bytes, text: bytes) -> bool:
    """Whether the decoded value of a header may contain `text`, ASCII without spaces. It is quick,
    and right if the answer is no.
    """
    return text in raw or not _is_plain(raw)


def _is_plain(raw: bytes) -> bool:
    """Whether nothing in an unfolded value is encoded."""
    return raw.isascii() and b"=?" not in raw and b"\x1b" not in raw


def unfold(raw: bytes) -> bytes:
    """A value without line ends. Each becomes one space, together with the spaces around it (RFC
    5322 section 2.2.3).
    """
    if b"\n" not in raw and b"\r" not in raw:
        return raw
    # not a pattern, which is quadratic for runs of spaces
    return b" ".join([line.strip(b" \t") for line in raw.splitlines()])


def one_line(text: str) -> str:
    """`text` with each run of line ends and control characters as one space, and without spaces
    around it.
    """
    return text.strip() if text.isprintable() else _CONTROL.sub(" ", text).strip()


def decode_words(raw: bytes, charset: str | None = None) -> str:
    """An unfolded value with its encoded words decoded, and the rest by UTF-8, `charset` or repair.
    May contain control characters.

    Words after MAX_RUNS texts stay as they are: repairing each may take half a millisecond.
    """
    pieces: list[str] = []
    run: list[tuple[bytes, bytes, bytes]] = []
    end = 0
    for match in _WORD.finditer(raw):
        between = raw[end : match.start()]
        if run and (between.strip(b" \t") or not _joins(run[-1], match)):
            pieces.append(_decode_run(run))
            run = []
            if len(pieces) >= 2 * MAX_RUNS:
                break
        if between.strip(b" \t") or (between and not pieces and not run):
            pieces.append(_raw_text(between, charset))
        named, encoding, payload = match.groups()
        run.append((named.partition(_LANGUAGE)[0].lower(), encoding.upper(), payload))
        end = match.end()
    if run:
        pieces.append(_decode_run(run))
    pieces.append(_raw_text(raw[end:], charset))
    return "".join(pieces)


def _raw_text(raw: bytes, charset: str | None) -> str:
    if raw.isascii():
        return decode(raw)[0] if b"\x1b" in raw else raw.decode("ascii")
    return decode_unlabeled(raw, charset)


def charset_of_words(raw: bytes) -> str | None:
    """The charset that the first encoded word of a value names; None if there is no such word."""
    word = _WORD.search(raw)
    return word[1].partition(_LANGUAGE)[0].decode("ascii") if word else None


def _joins(before: tuple[bytes, bytes, bytes], match: re.Match[bytes]) -> bool:
    """Whether two neighboring words are one text that may be cut anywhere: they name the same
    charset.
    """
    return before[0] == match[1].partition(_LANGUAGE)[0].lower()


def _decode_run(run: list[tuple[bytes, bytes, bytes]]) -> str:
    """The text of neighboring words with one charset, whose bytes are joined before they are
    decoded.
    """
    if len(run) > 1 and all(encoding == b"B" for _, encoding, _ in run) and _cut_within_base64(run):
        data = unbase64(b"".join(payload for _, _, payload in run))
    else:
        data = b"".join(_word_bytes(encoding, payload) for _, encoding, payload in run)
    return decode(data, run[0][0].decode("ascii"))[0]


def _cut_within_base64(run: list[tuple[bytes, bytes, bytes]]) -> bool:
    """Whether the program encoded first and split afterward, so that a word ends inside a group of
    four, without padding.
    """
    return any(
        len(payload.strip()) % 4 and not payload.endswith(b"=") for _, _, payload in run[:-1]
    )


def _word_bytes(encoding: bytes, payload: bytes) -> bytes:
    return unbase64(payload) if encoding == b"B" else a2b_qp(payload, header=True)


def unbase64(data: bytes) -> bytes:
    """Decode as much base64 as possible: other bytes are left out, missing padding is added, and
    decoding continues after padding.
    """
    try:
        return a2b_base64(data, strict_mode=True)
    except _Base64Error:
        pass
    if data.count(b"=") > _MAX_PADDED:
        data = data.translate(None, b"=")
    return b"".join([_unbase64_run(run) for run in data.split(b"=")])


def _unbase64_run(run: bytes) -> bytes:
    run = run.translate(None, _NOT_BASE64)
    if len(run) % 4 == 1:  # six bits are less than a byte
        run = run[:-1]
    return a2b_base64(run + b"=" * (-len(run) % 4))
