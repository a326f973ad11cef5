"""Calls a mail source in the mailbox's own thread, and only while the lease is valid."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from services.fetcher.leases.lease import Lease
from services.fetcher.ports import MailSource
from services.fetcher.sources.mailbox_thread import MailboxThread
from services.fetcher.status import StatusReporter
from services.runtime.errors import TransientError
from services.runtime.process.lifecycle import Stop, first_of

T = TypeVar("T")


class LeasedSource:
    """One mailbox's source, for the event loop. `request` runs one of its blocking methods."""

    def __init__(
        self, mailbox: str, source: MailSource, lease: Lease, status: StatusReporter, stop: Stop
    ) -> None:
        self._mailbox = mailbox
        self._source = source
        self._lease = lease
        self._status = status
        self._stop = stop
        self._thread = MailboxThread(f"mailbox-{mailbox}")

    async def connect(self) -> bool:
        """Open a session; False if the service stops first, without waiting for the server.

        Raises MailboxError, and what `require_lease` raises.
        """
        connecting = asyncio.ensure_future(self.request(self._source.connect))
        await first_of(connecting, self._stop.wait())
        return not connecting.cancelled()

    async def request(self, method: Callable[..., T], *arguments: object) -> T:
        """Call a method of the source. Raises what it raises, and what `require_lease` raises."""
        await self.require_lease()
        return await self._thread.call(method, *arguments)

    async def require_lease(self) -> None:
        """Wait until the lease is valid.

        Raises LeaseLostError; TransientError if the service stops.
        """
        if self._lease.valid:
            return
        self._status.lease_expired()
        await first_of(self._lease.wait_until_valid(), self._stop.wait())
        if not self._lease.valid:
            raise TransientError(
                "the lease cannot be renewed, and the service is stopping", mailbox=self._mailbox
            )

    async def close(self) -> None:
        """End the session, if there is one; needs no lease."""
        await self._thread.call(self._source.close)

    def end(self) -> None:
        """Close the session and end the thread, without waiting for either."""
        self._thread.end(self._source.close)
