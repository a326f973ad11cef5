"""Parses the data that imaplib returns. Pure."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

# An item of imaplib's response: a line, or a pair of the text before a literal and the literal.
Item = bytes | tuple[bytes, bytes]

_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_INTERNAL_DATE = re.compile(rb'INTERNALDATE "([^"]{1,40})"')
_MAX_RANGES = 300  # each has at most 22 characters with its comma
_EMPTY_BODY = re.compile(rb'BODY\[\] ""')


def bodies(data: Sequence[Item]) -> Iterator[tuple[int, bytes, datetime | None]]:
    """UID, bytes and INTERNALDATE of each mail in a response to `UID FETCH … BODY.PEEK[]`.

    `BODY[] NIL` is not a mail: the server has lost it (RFC 3501 section 7.4.2).
    """
    for attributes, literal in _answers(data):
        raw = b"" if literal is None and _EMPTY_BODY.search(attributes) else literal
        uid = _UID.search(attributes)
        if uid and raw is not None:
            yield int(uid[1]), raw, _internal_date(attributes)


def sizes(data: Sequence[Item]) -> Iterator[tuple[int, int, datetime | None]]:
    """UID, size in bytes and INTERNALDATE of each mail in a response to `UID FETCH`.

    INTERNALDATE is None if it is missing or invalid. A mail without a size is left out.
    """
    for attributes, _ in _answers(data):
        uid, size = _UID.search(attributes), _SIZE.search(attributes)
        if uid and size:
            yield int(uid[1]), int(size[1]), _internal_date(attributes)


def _answers(data: Sequence[Item]) -> Iterator[tuple[bytes, bytes | None]]:
    """The attributes of each mail, and its literal; None if it has none.

    A literal is a pair of the text before it and its bytes; the text after it is the next item. The
    server chooses the order of attributes.
    """
    for index, item in enumerate(data):
        if isinstance(item, tuple):
            before, literal = item
            after = data[index + 1] if index + 1 < len(data) else b""
            yield before + b" " + (after if isinstance(after, bytes) else b""), literal
        elif index == 0 or isinstance(data[index - 1], bytes):
            yield item, None


def numbers(data: Sequence[Item]) -> list[int]:
    """All numbers in a response to SEARCH, ascending."""
    return sorted(
        int(number) for line in data if isinstance(line, bytes) for number in line.split()
    )


def uids(data: Sequence[Item]) -> list[int]:
    """The UIDs in a response to `FETCH … (UID)`, ascending."""
    found = (_UID.search(line) for line in data if isinstance(line, bytes))
    return sorted(int(uid[1]) for uid in found if uid)


def sequence_set(uids: Sequence[int]) -> str:
    """`1:3,7`: consecutive UIDs as ranges, so that a command stays short."""
    return ",".join(
        str(first) if first == last else f"{first}:{last}" for first, last in _ranges(uids)
    )


def short_sets(uids: Sequence[int]) -> Iterator[list[int]]:
    """The UIDs in groups, each of which makes a sequence set that every server accepts: RFC 2683
    section 3.2.1.5 asks servers to accept lines of 8000 bytes.
    """
    group: list[int] = []
    for count, (first, last) in enumerate(_ranges(uids), start=1):
        group += range(first, last + 1)
        if count % _MAX_RANGES == 0:
            yield group
            group = []
    if group:
        yield group


def _ranges(uids: Sequence[int]) -> list[tuple[int, int]]:
    """The first and the last UID of each run of consecutive ones, ascending."""
    ranges: list[tuple[int, int]] = []
    for uid in sorted(uids):
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], uid)
        else:
            ranges.append((uid, uid))
    return ranges


def _internal_date(around: bytes) -> datetime | None:
    found = _INTERNAL_DATE.search(around)
    if found is None:
        return None
    try:
        return datetime.strptime(
            found[1].decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z"
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
