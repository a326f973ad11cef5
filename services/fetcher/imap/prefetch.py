"""Small mails that come with their listing, which saves a round trip to the server. Pure."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

MAX_MAILS = 16  # in a listing
MAX_BYTES = 128 * 1024  # of all of them, in memory
PAUSE_S = 3600.0  # after an attempt that failed


class Prefetch:
    """The small mails of the last listing, by UID: their bytes and INTERNALDATE.

    A listing of few mails asks for the first bytes of each. They are a whole mail if they are fewer
    than requested, and as many as the server says that the mail has: some servers estimate that.
    Any other mail is fetched later. A server that fails to answer, perhaps because it cannot read
    one of the mails, is asked without them for an hour.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paused_until_s = float("-inf")
        self._asked_bytes = 0  # of each mail
        self._mails: dict[int, tuple[bytes, datetime | None]] = {}

    def first_bytes(self, mails: int) -> int:
        """How many bytes of each of so many mails to ask for; 0 for none."""
        if not 0 < mails <= MAX_MAILS or self._clock() < self._paused_until_s:
            return 0
        return MAX_BYTES // mails

    def begin(self, first_bytes: int) -> None:
        """A listing with so many bytes of each mail is requested. It failed unless `keep` is
        called.
        """
        self._asked_bytes = first_bytes
        self._paused_until_s = self._clock() + PAUSE_S

    def keep(self, first: Iterable[tuple[int, bytes, datetime | None]]) -> None:
        """Keep the mails of the response that may be whole."""
        self._paused_until_s = float("-inf")
        self._mails = {uid: (raw, at) for uid, raw, at in first if 0 < len(raw) < self._asked_bytes}

    def take(self, sizes: Mapping[int, int]) -> dict[int, tuple[bytes, datetime | None]]:
        """The mails of these UIDs that have the size that the server reported. Forgets all
        others.
        """
        mails, self._mails = self._mails, {}
        return {uid: mail for uid, mail in mails.items() if sizes.get(uid) == len(mail[0])}

    def clear(self) -> None:
        """Forget the mails, which may be gone from the mailbox by the time they are fetched."""
        self._mails = {}
