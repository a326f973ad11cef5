"""Each SMTP server has its own queue and slots, and a circuit breaker that pauses after
a failure.
"""

import asyncio
from collections.abc import Sequence

from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.sender.circuits import Circuit, WatchedTransport
from services.sender.lanes import ANSWERS_IN_A_ROW, Lane
from services.sender.ports import DeliveryResult


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def circuit(clock: Clock) -> Circuit:
    return Circuit("relay", pauses=lambda: Backoff(1.0, 60.0, chance=lambda: 1.0), clock=clock)


class Gate:
    """A `deliver` whose deliveries begin in order and end when the test decides."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._open: dict[str, asyncio.Event] = {}

    async def __call__(self, mail_id: str) -> None:
        self.begun.append(mail_id)
        await self._open.setdefault(mail_id, asyncio.Event()).wait()

    async def end(self, *mail_ids: str) -> None:
        for mail_id in mail_ids:
            self._open.setdefault(mail_id, asyncio.Event()).set()
        await turns()


async def turns() -> None:
    """Let everything run that can run."""
    for _ in range(10):
        await asyncio.sleep(0)


def lane(gate: Gate, of: Circuit, at_once: int = 2) -> Lane:
    return Lane(of, gate, at_once=at_once, stop=Stop())


async def test_people_s_answers_go_before_acknowledgements_that_came_earlier() -> None:
    gate = Gate()
    one = lane(gate, circuit(Clock()), at_once=1)
    for name in ("ack 1", "ack 2", "ack 3"):
        one.add(name, answer=False)
    one.add("answer 1", answer=True)
    await turns()
    await gate.end("ack 1")
    assert gate.begun == ["ack 1", "answer 1"]


async def test_acknowledgements_have_a_turn_in_a_flood_of_answers() -> None:
    gate = Gate()
    one = lane(gate, circuit(Clock()), at_once=1)
    names = [f"answer {number}" for number in range(20)]
    for name in names:
        one.add(name, answer=True)
    one.add("ack", answer=False)
    await gate.end(*names, "ack")
    await one.drained()
    assert gate.begun.index("ack") <= ANSWERS_IN_A_ROW + 1


async def test_a_mail_is_in_hand_once_however_often_it_is_added() -> None:
    gate = Gate()
    one = lane(gate, circuit(Clock()))
    for _ in range(3):
        one.add("ack", answer=False)
        await turns()
    await gate.end("ack")
    assert gate.begun == ["ack"]


async def test_a_server_that_just_failed_gets_one_probe_instead_of_every_slot() -> None:
    gate, clock = Gate(), Clock()
    broken = circuit(clock)
    one = lane(gate, broken)
    broken.failed("timed out", clock.now_s)
    for number in range(5):
        one.add(str(number), answer=False)
    await turns()
    assert gate.begun == []  # the pause before the first probe
    clock.now_s += 1.0
    one.start()
    one.start()
    await turns()
    assert gate.begun == ["0"]
    broken.failed("timed out", clock.now_s)
    await gate.end("0")
    clock.now_s += 1.0  # pauses double
    one.start()
    await turns()
    assert gate.begun == ["0"]
    clock.now_s += 1.0
    one.start()
    await turns()
    assert gate.begun == ["0", "1"]  # another mail: the first may have been the reason
    broken.answered()
    await gate.end("1")
    assert gate.begun == ["0", "1", "2", "3"]


async def test_a_mail_that_was_no_attempt_gives_its_turn_as_the_probe_to_the_next() -> None:
    gate, clock = Gate(), Clock()
    broken = circuit(clock)
    broken.failed("timed out", clock.now_s)
    clock.now_s += 60.0
    one = lane(gate, broken)
    for name in ("held", "next"):
        one.add(name, answer=False)
    await turns()
    await gate.end("held")
    assert gate.begun == ["held", "next"]


class Scripted:
    """Implements the port `Transport` with answers in order; `before` runs during a session."""

    def __init__(self, *answers: DeliveryResult) -> None:
        self._answers = list(answers)

    async def send(self, sender: str, recipients: Sequence[str], message: bytes) -> DeliveryResult:
        return self._answers.pop(0)


FAILED = DeliveryResult(deferred={"anna@customer.example": "connection refused"}, session="failed")


async def test_a_failed_session_opens_the_circuit_and_any_answer_closes_it() -> None:
    clock = Clock()
    watched = circuit(clock)
    later = DeliveryResult(deferred={"anna@customer.example": "451 later"})
    transport = WatchedTransport(Scripted(FAILED, later), watched)
    await transport.send("office@office.example", ["anna@customer.example"], b"")
    assert watched.failure == "connection refused"
    await transport.send("office@office.example", ["anna@customer.example"], b"")
    assert not watched.is_open


def test_an_attempt_that_began_before_a_success_says_nothing_of_today() -> None:
    clock = Clock()
    watched = circuit(clock)
    began_s = clock.now_s
    clock.now_s += 10.0
    watched.answered()
    watched.failed("timed out", began_s)
    assert not watched.is_open
