"""What the headers of a dead letter report, whether Mailcase or the broker wrote them."""

from typing import Any

import pytest

from schemas.cases import Decision, OpenCase
from schemas.codec import encode
from services.runtime.broker.letters import DeadLetter
from services.runtime.broker.messages import Delivery
from tests.builders import NOW, raw_mail

OURS = {
    "x-mailcase-reason": "unreadable: truncated",
    "x-mailcase-queue": "router.mail",
    "x-mailcase-exchange": "mailcase.mail",
    "x-mailcase-routing-key": "raw.invoices.invoices",
    "x-mailcase-published-at-ms": int(NOW.timestamp() * 1000),
    "x-trace": "t-1",
}
BROKERS = {
    "x-death": [
        {
            "reason": "delivery_limit",
            "queue": "q",
            "exchange": "mailcase.mail",
            "routing-keys": ["raw.a.b"],
            "time": NOW,
        }
    ],
    "x-first-death-reason": "delivery_limit",
    "x-trace": "t-1",
}


def letter(body: bytes = b"", /, **headers: Any) -> DeadLetter:
    return DeadLetter(
        "router.mail",
        Delivery(body, "a" * 64, "RawMail.v1", False, "router.mail.dead", "", headers),
    )


@pytest.mark.parametrize(
    ("headers", "reason", "by"),
    [
        (OURS, "unreadable: truncated", "mailcase.mail, raw.invoices.invoices"),
        (BROKERS, "delivery_limit", "mailcase.mail, raw.a.b"),
    ],
)
def test_reason_origin_and_time_come_from_the_service_or_the_broker(
    headers: dict[str, Any], reason: str, by: str
) -> None:
    one = letter(**headers)
    assert (one.reason, one.first_publication(), one.since) == (
        reason,
        by,
        NOW.replace(microsecond=0),
    )
    assert one.headers == {"x-trace": "t-1"}


@pytest.mark.parametrize(
    "headers", [{}, {"x-death": "nonsense"}, {"x-death": [7], "x-mailcase-reason": 7}]
)
def test_a_message_of_someone_else_s_says_nothing_and_breaks_nothing(
    headers: dict[str, Any],
) -> None:
    one = letter(b"\xc1", **headers)
    assert (one.reason, one.since, one.content, one.process) == ("unknown", None, None, None)
    assert one.first_publication() == "default exchange, router.mail"


def test_a_mail_is_found_in_its_message_and_in_a_command() -> None:
    mail = raw_mail()
    for message in (mail, OpenCase(mail=mail, decision=Decision(rule="new-case"))):
        assert letter(encode(message)).content == mail
        assert letter(encode(message)).process == "invoices"


def test_equal_messages_of_one_queue_have_one_id_and_another_in_each_other_queue() -> None:
    one = letter(b"a")
    assert one.id == letter(b"a", **OURS).id != letter(b"b").id
    assert one.id != DeadLetter("case_writer.commands", one.delivery).id


def test_a_time_without_a_zone_is_the_broker_s_utc() -> None:
    headers: dict[str, Any] = {"x-death": [{"time": NOW.replace(tzinfo=None)}]}
    one = letter(**headers)
    assert one.since == NOW
