"""A queue of mails for one SMTP server, with its own slots, so that no server waits for another."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from services.runtime.process.lifecycle import Stop
from services.sender.circuits import Circuit

LANE_LIMIT = 500  # mails of each kind that wait in memory; the others stay in the outbox
ANSWERS_IN_A_ROW = 4  # then one other mail, so that a flood of answers does not starve them


class Lane:
    """Runs deliveries to one server concurrently, answers first; a mail never runs twice at
    once.
    """

    def __init__(
        self,
        circuit: Circuit,
        deliver: Callable[[str], Awaitable[None]],
        *,
        at_once: int,
        stop: Stop,
    ) -> None:
        """`deliver` takes the id of a mail and never raises."""
        self.circuit = circuit
        self._deliver = deliver
        self._at_once = at_once
        self._stop = stop
        self._answers: deque[str] = deque()
        self._others: deque[str] = deque()
        self._waiting: set[str] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._probe: str | None = None
        self._in_a_row = 0

    def add(self, mail_id: str, *, answer: bool) -> None:
        """Queue a mail unless it is queued or running already, or the lane is full.

        A sweep finds it later if the lane is full.
        """
        queue = self._answers if answer else self._others
        if mail_id in self._waiting or mail_id in self._running or len(queue) >= LANE_LIMIT:
            return
        queue.append(mail_id)
        self._waiting.add(mail_id)
        self.start()

    def start(self) -> None:
        """Start as many deliveries as there are slots; one probe if the circuit is open."""
        while self._waiting and len(self._running) < self._at_once and self._may_start():
            mail_id = self._next()
            self._waiting.discard(mail_id)
            if self.circuit.is_open:
                self._probe = mail_id
            task = asyncio.ensure_future(self._deliver(mail_id))
            self._running[mail_id] = task
            task.add_done_callback(partial(self._ended, mail_id))

    async def drained(self) -> None:
        """Wait until no delivery is running."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    def _may_start(self) -> bool:
        if self._stop.requested:
            return False
        return not self.circuit.is_open or (self._probe is None and self.circuit.probe_is_due)

    def _next(self) -> str:
        if self._answers and (self._in_a_row < ANSWERS_IN_A_ROW or not self._others):
            self._in_a_row += 1
            return self._answers.popleft()
        self._in_a_row = 0
        return self._others.popleft()

    def _ended(self, mail_id: str, _task: asyncio.Task[None]) -> None:
        self._running.pop(mail_id, None)
        if self._probe == mail_id:
            self._probe = None
        self.start()
