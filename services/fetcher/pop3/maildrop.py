"""The mails that a POP3 session lists, in about 80 bytes each. Pure.

The protocol lists all of them in each session, and there may be a million.
"""

from array import array
from collections.abc import Collection, Iterable, Iterator

_LEAST_PLACES = 64
_END = b"\n"  # no id contains it


class Maildrop:
    """Mails by id, and which of them are not handed out yet. `count_except` may be called from any
    thread.

    Ids are `UIDL/size`: the size distinguishes mails if a server reuses a UIDL. Further mails with
    the same one get `/2`, `/3` … appended.
    """

    def __init__(self, listing: Iterable[tuple[int, str, int]] = ()) -> None:
        """`listing` has the number, the UIDL and the size of each mail, in order."""
        self._ids = bytearray()  # one after the other, each with `_END`
        self._starts = array("Q")
        self._numbers = array("Q")
        self._sizes = array("Q")
        # A hash table with open addressing: the position of a mail + 1, or 0.
        self._places = array("Q", bytes(8 * _LEAST_PLACES))
        for number, uidl, size in listing:
            self._add(number, uidl, size)
        self._skipped = bytearray(len(self._starts))
        self._next = 0
        self._left = len(self._starts)

    def __len__(self) -> int:
        return len(self._starts)

    def __contains__(self, mail_id: str) -> bool:
        return self._position(mail_id.encode()) is not None

    def __getitem__(self, mail_id: str) -> tuple[int, int]:
        """The number and the size of a mail. Raises KeyError if it is not listed."""
        position = self._position(mail_id.encode())
        if position is None:
            raise KeyError(mail_id)
        return self._numbers[position], self._sizes[position]

    def take(self, limit: int) -> Iterator[tuple[str, int]]:
        """Hand out the ids and sizes of at most `limit` mails, in order."""
        while limit and self._next < len(self._starts):
            position = self._next
            self._next += 1
            if not self._skipped[position]:
                self._left -= 1
                limit -= 1
                yield self._id(position).decode(), self._sizes[position]

    def skip(self, mail_ids: Iterable[str]) -> None:
        """Do not hand out these mails."""
        for mail_id in mail_ids:
            position = self._position(mail_id.encode())
            if position is not None and position >= self._next and not self._skipped[position]:
                self._skipped[position] = 1
                self._left -= 1

    def count_except(self, known: Collection[str]) -> int:
        """How many mails are neither handed out, skipped nor `known`."""
        positions = (self._position(mail_id.encode()) for mail_id in set(known))
        return self._left - sum(
            position is not None and position >= self._next and not self._skipped[position]
            for position in positions
        )

    def _add(self, number: int, uidl: str, size: int) -> None:
        name, count = f"{uidl}/{size}", 1
        mail_id = name.encode()
        while self._position(mail_id) is not None:
            count += 1
            mail_id = f"{name}/{count}".encode()
        self._starts.append(len(self._ids))
        self._ids += mail_id + _END
        self._numbers.append(number)
        self._sizes.append(size)
        if 2 * len(self._starts) > len(self._places):
            self._places = array("Q", bytes(8 * 2 * len(self._places)))
            for position in range(len(self._starts)):
                self._put(self._id(position), position)
        else:
            self._put(mail_id, len(self._starts) - 1)

    def _put(self, mail_id: bytes, position: int) -> None:
        mask = len(self._places) - 1
        place = hash(mail_id) & mask
        while self._places[place]:
            place = (place + 1) & mask
        self._places[place] = position + 1

    def _position(self, mail_id: bytes) -> int | None:
        mask, whole = len(self._places) - 1, mail_id + _END
        place = hash(mail_id) & mask
        while position := self._places[place]:
            if self._ids.startswith(whole, self._starts[position - 1]):
                return position - 1
            place = (place + 1) & mask
        return None

    def _id(self, position: int) -> bytes:
        start = self._starts[position]
        return bytes(self._ids[start : self._ids.index(_END, start)])
