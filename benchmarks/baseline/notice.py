"""The mail server's own notice: how soon a bare IMAP client can see a mail.

    python -m benchmarks.baseline.notice SETTINGS

The client waits as the fetcher does, with a NOOP at the same intervals, and does nothing else: it
neither searches nor fetches. It waits in a mailbox of its own, into which copies of the measured
mails are delivered. A second session in the measured mailbox would disturb the fetcher's, because
Dovecot lets only one session at a time take new files into a Maildir. Whenever many mails are in
the mailbox, the client removes them, because a larger folder takes longer to look at.

Each line of its output is a time, in seconds since 1970, and the number of mails seen until then.
"""

import ssl
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
from imap_tools import BaseMailBox, MailBox

from benchmarks.baseline.services import READY, Where
from services.fetcher.imap.polling import MIN_POLL_S, next_poll_s

REMOVED_TOGETHER = 200


class Watch:
    """Counts the mails that the server announces in an open folder."""

    def __init__(self, box: BaseMailBox) -> None:
        self._client = box.client
        self._in_folder = self._removed = 0

    def run(self) -> Iterator[int]:
        """The number of mails seen, whenever it has grown. Never ends."""
        last_mail_s = time.monotonic()
        while True:
            pause_s = next_poll_s(time.monotonic() - last_mail_s) or MIN_POLL_S
            time.sleep(pause_s)  # as the fetcher pauses between two polls
            self._client.noop()
            if self._has_grown():
                last_mail_s = time.monotonic()
                yield self._removed + self._in_folder
            if self._in_folder >= REMOVED_TOGETHER and self._remove():
                yield self._removed + self._in_folder

    def _has_grown(self) -> bool:
        """Take note of the count that the last response announced, if it did."""
        _, counts = self._client.response("EXISTS")
        announced = [int(count) for count in counts if count]
        if not announced:
            return False
        grown = announced[-1] > self._in_folder
        self._in_folder = announced[-1]
        return grown

    def _remove(self) -> bool:
        """Remove all mails; whether others were announced meanwhile."""
        seen = self._in_folder
        self._client.store(f"1:{seen}", "+FLAGS.SILENT", r"(\Deleted)")
        grown = self._has_grown()
        self._client.expunge()
        self._removed += seen
        self._in_folder -= seen
        return self._has_grown() or grown


def notice_times(lines: Sequence[str], mails: int) -> list[float]:
    """When each mail was seen, in the order of delivery, by the client's output. Mails that are
    not seen yet are left out.
    """
    times: list[float] = []
    noted = [(float(at), int(count)) for at, count in (line.split() for line in lines)]
    for (_, before), (at, count) in pairwise([(0.0, 0), *noted]):
        times += [at] * (count - before)
    return times[:mails]


def main() -> None:
    where = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Where)
    context = ssl.create_default_context(cafile=where.ca_file)
    box = MailBox("localhost", where.imaps_port, ssl_context=context)
    with box.login(where.user, where.password):
        box.client.response("EXISTS")
        print(READY, flush=True)
        for count in Watch(box).run():
            print(time.time(), count, flush=True)


if __name__ == "__main__":
    main()
