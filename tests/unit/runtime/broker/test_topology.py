"""The names on the broker are a contract: a change here affects every installation."""

import pytest

from services.runtime.broker.topology import (
    Queue,
    answer_key,
    dead_name,
    mailcase_topology,
    private_queue_name,
    raw_key,
    receipt_key,
    receipts_queue,
)

TOPOLOGY = mailcase_topology(archive_max_age_days=30, archive_max_bytes=5_000_000_000)
QUEUES = {queue.name: queue for queue in TOPOLOGY.queues}
WORK = ["router.mail", "case_writer.commands", "sender.work"]
EVENTS = ["extractor.work", "desk.index"]


def bindings(queue: Queue) -> list[tuple[str, str]]:
    return [(binding.exchange, binding.pattern) for binding in queue.bindings]


def test_exchanges_and_queues_have_their_names() -> None:
    assert {"mailcase.mail", "mailcase.case", "mailcase.event"} <= set(TOPOLOGY.exchanges)
    names = [*WORK, *EVENTS]
    assert {*names, "mail.archive", *(dead_name(name) for name in names)} <= set(QUEUES)


def test_every_queue_gets_what_it_is_for() -> None:
    assert bindings(QUEUES["router.mail"]) == [("mailcase.mail", "raw.#")]
    assert bindings(QUEUES["mail.archive"]) == [("mailcase.mail", "raw.#")]
    assert bindings(QUEUES["case_writer.commands"]) == [("mailcase.case", "#")]
    assert bindings(QUEUES["sender.work"]) == []
    assert bindings(QUEUES["extractor.work"]) == [
        ("mailcase.event", "case.opened.#"),
        ("mailcase.event", "case.appended.#"),
    ]
    assert bindings(QUEUES["desk.index"]) == [("mailcase.event", "case.#")]


@pytest.mark.parametrize("name", WORK)
def test_work_is_in_quorum_queues_that_lose_nothing_to_their_dead_letters(name: str) -> None:
    arguments = QUEUES[name].arguments
    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-dead-letter-exchange"] == ""
    assert arguments["x-dead-letter-routing-key"] == f"{name}.dead"
    assert arguments["x-dead-letter-strategy"] == "at-least-once"
    assert arguments["x-overflow"] == "reject-publish"  # at-least-once needs it
    assert arguments["x-delivery-limit"] >= 20


@pytest.mark.parametrize("name", EVENTS)
def test_events_that_nobody_consumes_never_fill_the_disk(name: str) -> None:
    arguments = QUEUES[name].arguments
    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-overflow"] == "drop-head"
    assert arguments["x-max-length-bytes"] == 512 * 1024 * 1024
    assert "x-dead-letter-exchange" not in arguments  # what is dropped is not kept elsewhere


@pytest.mark.parametrize("name", [*WORK, *EVENTS])
def test_dead_letters_are_declared_before_the_queue_that_fills_them(name: str) -> None:
    names = [queue.name for queue in TOPOLOGY.queues]
    assert names.index(dead_name(name)) < names.index(name)
    assert QUEUES[dead_name(name)].arguments["x-queue-type"] == "quorum"
    assert bindings(QUEUES[dead_name(name)]) == []


@pytest.mark.parametrize(("days", "age"), [(30, "2592000s"), (0.5, "43200s"), (0.0, "1s")])
def test_the_archive_keeps_mail_by_age_and_size(days: float, age: str) -> None:
    queues = mailcase_topology(archive_max_age_days=days, archive_max_bytes=7).queues
    [archive] = [queue for queue in queues if queue.name == "mail.archive"]
    assert archive.arguments == {
        "x-queue-type": "stream",
        "x-max-age": age,
        "x-max-length-bytes": 7,
    }


def test_every_binding_is_to_an_exchange_that_is_declared() -> None:
    assert {binding.exchange for queue in TOPOLOGY.queues for binding in queue.bindings} <= set(
        TOPOLOGY.exchanges
    )


def test_names_made_from_others() -> None:
    assert private_queue_name("invoices-pl") == "fetcher.invoices-pl"
    assert receipts_queue("invoices-pl", "0a1b") == "fetcher.receipts.invoices-pl.0a1b"
    assert raw_key("invoices", "invoices-pl") == "raw.invoices.invoices-pl"
    assert answer_key("invoices") == "answer.invoices"
    assert receipt_key("invoices-pl") == "mail.recorded.invoices-pl"
