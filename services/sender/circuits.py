"""A circuit breaker for each SMTP server: one that just failed gets one probe at a time instead of every slot.

Closed while the server answers; open from a failed session on, until a session with it succeeds.
While it is open, one mail after another is the probe, with growing pauses between them; the other
mails wait without an attempt being counted.
"""

import time
from collections.abc import Callable, Sequence

from services.runtime.logs import get_logger
from services.runtime.retry import Backoff
from services.sender import metrics
from services.sender.ports import DeliveryResult, Transport, without_addresses

log = get_logger(__name__)


def _probe_pauses() -> Backoff:
    return Backoff(initial_s=0.5, maximum_s=60.0)


class Circuit:
    """What this process knows of one server. Every sender process has its own, so each sends a probe of its own."""

    def __init__(
        self,
        server: str,
        *,
        pauses: Callable[[], Backoff] = _probe_pauses,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`server` is the name of `[smtp.NAME]`; `clock` counts seconds."""
        self._server = server
        self._pauses = pauses()
        self._clock = clock
        self._answered_at_s: float | None = None
        self._probe_at_s = 0.0
        self.failure: str | None = None

    @property
    def is_open(self) -> bool:
        return self.failure is not None

    @property
    def probe_is_due(self) -> bool:
        return self._clock() >= self._probe_at_s

    def now_s(self) -> float:
        return self._clock()

    def answered(self) -> None:
        """The server did its part of a session, whatever it said of the mail."""
        self._answered_at_s = self._clock()
        if self.is_open:
            log.info("smtp_server_up", smtp=self._server)
        self.failure = None
        self._pauses.reset()
        metrics.SERVER_UP.labels(self._server).set(1)

    def failed(self, words: str, started_s: float) -> None:
        """A session that began at `started_s` failed. Nothing changes if a later one has succeeded since."""
        if self._answered_at_s is not None and started_s < self._answered_at_s:
            return
        pause_s = self._pauses.next_s()
        self._probe_at_s = self._clock() + pause_s
        if not self.is_open:
            log.warning(
                "smtp_server_down", smtp=self._server, answer=without_addresses(words), probe_in_s=round(pause_s, 1)
            )
        self.failure = words
        metrics.SERVER_UP.labels(self._server).set(0)


class WatchedTransport:
    """The port `Transport` for a server with its circuit, which hears how every session ended."""

    def __init__(self, transport: Transport, circuit: Circuit) -> None:
        self._transport = transport
        self._circuit = circuit

    async def send(self, sender: str, recipients: Sequence[str], message: bytes) -> DeliveryResult:
        started_s = self._circuit.now_s()
        handed = await self._transport.send(sender, recipients, message)
        if handed.session == "failed":
            self._circuit.failed(next(iter(handed.again.values()), "no answer"), started_s)
        else:
            self._circuit.answered()
        return handed
