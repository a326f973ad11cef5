"""Whether every mailbox has a reader, in any replica."""

from collections.abc import Callable, Collection
from functools import partial

from services.fetcher import metrics
from services.fetcher.leases.store import LeaseStore, now_s
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.health import Health
from services.runtime.process.lifecycle import Stop

log = get_logger(__name__)

CHECK_S = 5.0
UNREAD_S = 30.0  # another replica should have taken over by then
_HINT = (
    "start a fetcher, or raise fetcher.max_mailboxes if all are full; if fetchers run and have room, see their logs: "
    "the broker or the database is unavailable"
)


class Coverage:
    """Watches the leases of all mailboxes.

    Every replica does this, so that any remaining one reports a gap.
    """

    def __init__(
        self,
        leases: LeaseStore,
        mailboxes: Collection[str],
        health: Health,
        clock: Callable[[], float] = now_s,
    ) -> None:
        self._leases = leases
        self._health = health
        self._clock = clock
        self._read_at_s = dict.fromkeys(mailboxes, clock())
        self._reported: set[str] = set()
        self._prepared = False
        for mailbox in mailboxes:
            metrics.UNREAD_SECONDS.labels(mailbox).set_function(partial(self.unread_s, mailbox))

    def unread_s(self, mailbox: str) -> float:
        """Seconds since any replica was last seen to hold the mailbox's lease. From any thread."""
        return max(0.0, self._clock() - self._read_at_s[mailbox])

    async def watch(self, stop: Stop) -> None:
        while not stop.requested:
            await self.refresh()
            await stop.wait(CHECK_S)

    async def refresh(self) -> None:
        """Query all leases once, and report mailboxes without a reader."""
        try:
            if not self._prepared:
                await self._leases.prepare(list(self._read_at_s))
                self._prepared = True
            held = await self._leases.held()
        except TransientError as error:
            self._health.down("store", str(error))
            log.warning(
                "store_unreachable", error=error, hint="reading resumes once the database answers"
            )
        else:
            self._health.up("store")
            for mailbox in held & self._read_at_s.keys():
                self._read_at_s[mailbox] = self._clock()
        self._report()

    def _report(self) -> None:
        unread = {mailbox for mailbox in self._read_at_s if self.unread_s(mailbox) >= UNREAD_S}
        for mailbox in sorted(unread - self._reported):
            log.warning(
                "mailbox_unread",
                mailbox=mailbox,
                unread_s=round(self.unread_s(mailbox)),
                hint=_HINT,
            )
        for mailbox in sorted(self._reported - unread):
            log.info("mailbox_read_again", mailbox=mailbox)
        self._reported = unread
