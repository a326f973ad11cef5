"""Messages with names that the settings do not know yet are deferred, and their mail is parked only
after a time.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.cases import IgnoreMail, ParkMail
from schemas.codec import encode, tag_of
from schemas.mails import RawMail
from schemas.sending import AnswerCase
from services.case_writer.consumer import CommandConsumer
from services.case_writer.service import WrittenCommands
from services.casework.outgoing import UnknownProcessError
from services.router.main import _route_delivery
from services.router.policy import Policy
from services.runtime.broker.defer import PATIENCE_S, WAITS_FOR, WAITS_SINCE_MS, KnownNames
from services.runtime.broker.messages import Delivery, Outgoing
from services.runtime.settings import load_settings
from tests.builders import command_in, ignoring, opening, raw_mail

OLD = KnownNames(["orders"], ["orders"])  # settings from before the process `invoices`
NEW = KnownNames(["orders", "invoices"], ["orders", "invoices"])
LONG_AGO = {
    WAITS_FOR: "process invoices",
    WAITS_SINCE_MS: int((time.time() - PATIENCE_S - 1) * 1000),
}


class Broker:
    def __init__(self) -> None:
        self.published: list[Outgoing] = []

    async def publish(self, message: Outgoing) -> None:
        self.published.append(message)


class Writer:
    def __init__(self) -> None:
        self.arrived: list[Any] = []

    def expect(self, arrived: list[Any]) -> None: ...

    async def write(self, arrived: list[Any]) -> WrittenCommands:
        self.arrived += [received.command for received in arrived]
        return WrittenCommands([], [])

    async def publish(self, written: list[Any]) -> None: ...


def delivery(message: Any, headers: dict[str, Any] | None = None) -> Delivery:
    return Delivery(encode(message), "key", tag_of(message), False, "", "", headers or {})


async def routed(
    mail: RawMail, known: KnownNames, headers: dict[str, Any] | None = None
) -> tuple[Any, Broker]:
    broker = Broker()
    result = _route_delivery(broker, delivery(mail, headers), lambda *_: Policy(), known)  # type: ignore[arg-type] # as much of it as is used
    assert broker.published == []  # until the batch is handled
    if isinstance(result, Outgoing):
        return command_in(result.body), broker
    await result()
    return None, broker


async def written(
    command: Any, known: KnownNames, headers: dict[str, Any] | None = None
) -> tuple[list[Any], list[Outgoing]]:
    broker, writer = Broker(), Writer()
    handling = CommandConsumer(writer, None, None, broker, known)  # type: ignore[arg-type] # as above
    batch = await handling.prepare([delivery(command, headers)])
    assert broker.published == []  # until the batch is handled
    await (await handling.handle(batch))()
    return writer.arrived, broker.published


async def test_a_router_defers_mail_of_a_process_that_it_does_not_know() -> None:
    command, broker = await routed(raw_mail(), OLD)
    assert command is None
    [waiting] = broker.published
    assert waiting.routing_key == "router.mail.newer"
    assert waiting.headers is not None
    assert waiting.headers[WAITS_FOR] == "process invoices"
    assert not OLD.waits_in_vain({})
    assert OLD.waits_in_vain(waiting.headers)
    assert not NEW.waits_in_vain(waiting.headers)


async def test_a_router_defers_mail_of_a_mailbox_whose_sender_lists_it_does_not_know() -> None:
    command, broker = await routed(raw_mail(), KnownNames(["invoices"], []))
    assert (command, len(broker.published)) == (None, 1)


async def test_mail_of_a_known_process_is_routed() -> None:
    command, broker = await routed(raw_mail(), NEW)
    assert command is not None
    assert broker.published == []


async def test_the_time_counts_from_the_first_deferral_in_any_replica() -> None:
    just_now = {WAITS_FOR: "process invoices", WAITS_SINCE_MS: int((time.time() - 1) * 1000)}
    _, broker = await routed(raw_mail(), OLD, just_now)
    [waiting] = broker.published
    assert waiting.headers is not None
    assert waiting.headers[WAITS_SINCE_MS] == just_now[WAITS_SINCE_MS]


async def test_a_name_unknown_for_ten_minutes_is_parked_with_that_reason() -> None:
    assert not OLD.waits_in_vain(LONG_AGO)
    command, broker = await routed(raw_mail(), OLD, LONG_AGO)
    assert isinstance(command, ParkMail)
    assert command.reason == "unknown-process"
    assert "process invoices" in command.decision.evidence[0]
    assert broker.published == []


@pytest.mark.parametrize("origin", ["retry", "replay"])
async def test_a_person_may_route_mail_of_a_mailbox_that_is_gone(origin: str) -> None:
    command, _ = await routed(raw_mail(origin=origin), KnownNames(["invoices"], []))
    assert command is not None


async def test_a_case_writer_defers_a_new_case_of_a_process_that_it_does_not_know() -> None:
    arrived, [waiting] = await written(opening("first"), OLD)
    assert arrived == []
    assert waiting.routing_key == "case_writer.commands.newer"
    arrived, published = await written(opening("first"), NEW, waiting.headers)
    assert (len(arrived), published) == (1, [])


async def test_a_case_writer_parks_it_after_ten_minutes() -> None:
    [command], published = await written(opening("first"), OLD, LONG_AGO)
    assert isinstance(command, ParkMail)
    assert (command.reason, published) == ("unknown-process", [])


async def test_what_goes_to_no_case_needs_no_settings() -> None:
    [command], published = await written(ignoring("odd"), OLD)
    assert isinstance(command, IgnoreMail)
    assert published == []


@pytest.mark.parametrize(("headers", "to"), [({}, "newer"), (LONG_AGO, "dead")])
async def test_an_answer_of_an_unknown_process_waits_and_then_is_a_dead_letter(
    headers: dict[str, Any], to: str
) -> None:
    class Answers:
        async def handle(self, _answer: object) -> None:
            raise UnknownProcessError("invoices")

    broker = Broker()
    handling = CommandConsumer(Writer(), Answers(), None, broker, OLD)  # type: ignore[arg-type] # as above
    answer = AnswerCase(id="answer-1", case=1, text="Thank you.", at=datetime.now(UTC))
    await (await handling.handle(await handling.prepare([delivery(answer, headers)])))()
    [published] = broker.published
    assert published.routing_key == f"case_writer.commands.{to}"


def test_a_process_without_mailboxes_takes_mails_from_files(tmp_path: Path) -> None:
    """`mailcase ingest` uses the name of the process as their mailbox."""
    file = tmp_path / "mailcase.toml"
    file.write_text('[process.orders]\n[[process.orders.stage]]\nname = "new"\ninitial = true\n')
    names = KnownNames.of(load_settings(file, {}))
    assert names.first_unknown(process="orders", mailbox="orders") is None
    assert names.first_unknown(process="orders", mailbox="other") == "mailbox other"
