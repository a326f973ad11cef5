"""A circuit breaker for each SMTP server: a server that failed gets one probe at a time.

The circuit is closed while the server answers, and open from a failed session until a session
succeeds. While it is open, one mail after another is the probe, with growing pauses between them.
The other mails wait, and no attempt is counted for them.
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
    """The state of one server as this replica sees it. Every replica sends its own probes."""

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
        """Note a session in which the server answered, whether or not it accepted the mail."""
        self._answered_at_s = self._clock()
        if self.is_open:
            log.info("smtp_server_up", smtp=self._server)
        self.failure = None
        self._pauses.reset()
        metrics.SERVER_UP.labels(self._server).set(1)

    def failed(self, answer: str, started_s: float) -> None:
        """Note a failed session that began at `started_s`; ignored if a later one has succeeded."""
        if self._answered_at_s is not None and started_s < self._answered_at_s:
            return
        pause_s = self._pauses.next_s()
        self._probe_at_s = self._clock() + pause_s
        if not self.is_open:
            log.warning(
                "smtp_server_down",
                smtp=self._server,
                answer=without_addresses(answer),
                probe_in_s=round(pause_s, 1),
            )
        self.failure = answer
        metrics.SERVER_UP.labels(self._server).set(0)


class WatchedTransport:
    """Implements the port `Transport`, and reports the end of every session to the circuit."""

    def __init__(self, transport: Transport, circuit: Circuit) -> None:
        self._transport = transport
        self._circuit = circuit

    async def send(self, sender: str, recipients: Sequence[str], message: bytes) -> DeliveryResult:
        started_s = self._circuit.now_s()
        result = await self._transport.send(sender, recipients, message)
        if result.session == "failed":
            self._circuit.failed(next(iter(result.deferred.values()), "no answer"), started_s)
        else:
            self._circuit.answered()
        return result
