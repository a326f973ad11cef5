"""`mailcase dead`: dead letters are listed, shown, requeued, or discarded with a reason."""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import aio_pika
import pytest

from schemas.codec import encode
from schemas.mails import RawMail
from services.casework import dead_letters
from services.cli.dead import command as dead
from services.cli.dead.letters import MIN_ID
from services.cli.terminal import loading as common
from services.runtime.broker.connection import Broker
from services.runtime.broker.letters import DeadLetter
from services.runtime.broker.messages import Delivery, Outgoing
from services.runtime.errors import PermanentError, TransientError
from tests.builders import raw_bytes, raw_mail
from tests.pipeline import Pipeline


def send_to_dead(
    pipeline: Pipeline, queue: str, body: bytes, headers: dict[str, Any] | None = None
) -> None:
    async def send() -> None:
        async with await aio_pika.connect(pipeline.env["MAILCASE_BROKER_URL"]) as connection:
            channel = await connection.channel()
            await channel.default_exchange.publish(
                aio_pika.Message(
                    body, headers=headers, type="RawMail.v1", message_id="a" * 64, delivery_mode=2
                ),
                f"{queue}.dead",
            )

    asyncio.run(send())


@pytest.fixture
def commands(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the commands in this process, which is faster than separate processes."""
    monkeypatch.setattr(common, "configure_logs", lambda *_: None)
    for name, value in pipeline.env.items():
        monkeypatch.setenv(name, value)


def test_dead_letters_are_listed_shown_retried_or_discarded_with_who_and_why(
    pipeline: Pipeline, commands: None, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    def said(command: Callable[..., object], *arguments: Any, **options: Any) -> str:
        command(*arguments, config=pipeline.config, **options)
        return capsysbinary.readouterr().out.decode()

    def listed(**options: str) -> list[dict[str, str]]:
        return [
            json.loads(line) for line in said(dead.list_messages, json=True, **options).splitlines()
        ]

    mail: RawMail = raw_mail(raw_bytes("a repaired fault", subject="Invoice 18"))
    assert listed() == []  # and the queues are there from now on
    reason = {"x-mailcase-reason": "unreadable: a fault of yesterday", "x-trace": "t-1"}
    send_to_dead(pipeline, "router.mail", encode(mail), reason)
    send_to_dead(
        pipeline,
        "case_writer.commands",
        b"\xc1 garbage \x1b[31m",
        {"x-mailcase-reason": "no command"},
    )

    found = {letter["reason"]: letter for letter in listed()}
    good, bad = found["unreadable: a fault of yesterday"], found["no command"]
    assert (good["queue"], good["process"], bad["queue"]) == (
        "router.mail",
        "invoices",
        "case_writer.commands",
    )
    assert [letter["id"] for letter in listed(process="invoices")] == [good["id"]]
    assert listed(queue="router.mail", reason="no command") == []
    shown = said(dead.show, good["id"])
    assert "Subject: Invoice 18" in shown
    assert "header x-trace: t-1" in shown
    dead.show(bad["id"][:6], raw=True, config=pipeline.config)
    assert capsysbinary.readouterr().out == b"\xc1 garbage \x1b[31m"

    with pipeline.services(router=1, case_writer=1):
        assert f"{good['id']}: requeued in router.mail" in said(dead.retry, [good["id"]])
        pipeline.until_recorded(1)
    assert said(dead.discard, [bad["id"]], why="never was ours") == f"{bad['id']}: discarded\n"
    assert listed() == []
    [kept] = pipeline.database["discards"].find()
    assert (kept["queue"], kept["reason"], kept["discarded"]["why"]) == (
        "case_writer.commands",
        "no command",
        "never was ours",
    )
    assert kept["discarded"]["by"]
    assert pipeline.blob(kept["body"]) == b"\xc1 garbage \x1b[31m"
    with pytest.raises(PermanentError, match="there is no dead letter"):
        dead.retry([bad["id"]], config=pipeline.config)


def id_of(body: bytes, queue: str = "router.mail") -> str:
    return DeadLetter(queue, Delivery(body, "", "", False, f"{queue}.dead", "", {})).id


def alike(digits: int) -> tuple[bytes, bytes]:
    """Two bodies whose ids in `router.mail` begin with the same digits."""
    seen: dict[str, bytes] = {}
    for number in itertools.count():
        body = f"no message {number}".encode()
        start = id_of(body)[:digits]
        if start in seen:
            return seen[start], body
        seen[start] = body
    raise AssertionError


def test_an_id_that_names_several_messages_or_none_leaves_all_of_them_where_they_are(
    pipeline: Pipeline, commands: None, capsys: pytest.CaptureFixture[str]
) -> None:
    bodies = alike(MIN_ID)
    dead.list_messages(config=pipeline.config)  # and the queues are there from now on
    for body in bodies:
        send_to_dead(pipeline, "router.mail", body)
    ids = [id_of(body) for body in bodies]
    for wrong in ([ids[0][:MIN_ID]], [ids[0], "0" * 12]):
        with pytest.raises(PermanentError):
            dead.discard(wrong, why="a test", config=pipeline.config)
        with pytest.raises(PermanentError):
            dead.retry(wrong, config=pipeline.config)
    capsys.readouterr()
    dead.list_messages(json=True, config=pipeline.config)
    assert {json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()} == set(ids)
    dead.discard([id_.upper() for id_ in ids], why="a test", config=pipeline.config)
    assert pipeline.database["discards"].count_documents({}) == 2


def test_a_message_that_cannot_be_requeued_is_reported_and_the_others_continue(
    pipeline: Pipeline,
    commands: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A selection by queue does not affect an equal message in another queue."""
    dead.list_messages(config=pipeline.config)  # and the queues are there from now on
    for body in (b"first", b"stubborn", b"last"):
        send_to_dead(pipeline, "router.mail", body)
    send_to_dead(pipeline, "sender.work", b"stubborn")
    publish = Broker.publish

    async def refuse_one(broker: Broker, message: Outgoing) -> None:
        if message.body == b"stubborn":
            raise TransientError("the queue is full")
        await publish(broker, message)

    with monkeypatch.context() as patched:
        patched.setattr(Broker, "publish", refuse_one)
        assert dead.retry(everything=True, queue="router.mail", config=pipeline.config) == 1
    printed = capsys.readouterr()
    assert (
        printed.err
        == f"{id_of(b'stubborn')}: not retried, and still in router.mail.dead: the queue is full\n"
    )
    assert {f"{id_of(body)}: requeued in router.mail" for body in (b"first", b"last")} < set(
        printed.out.splitlines()
    )

    with monkeypatch.context() as patched:
        patched.setattr(dead_letters, "to_document", refuse_document)
        assert (
            dead.discard(
                [id_of(b"stubborn")], why="a test", queue="router.mail", config=pipeline.config
            )
            == 1
        )
    assert (
        f"{id_of(b'stubborn')}: not discarded, and still in router.mail.dead"
        in capsys.readouterr().err
    )
    with pytest.raises(PermanentError, match="there is no dead letter"):
        dead.discard(
            [id_of(b"stubborn")], why="a test", queue="sender.work", config=pipeline.config
        )
    assert (
        dead.discard(
            [id_of(b"stubborn")], why="a test", queue="router.mail", config=pipeline.config
        )
        == 0
    )
    capsys.readouterr()
    dead.list_messages(json=True, config=pipeline.config)
    [left] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (left["queue"], left["id"]) == ("sender.work", id_of(b"stubborn", "sender.work"))


def refuse_document(_document: object) -> None:
    raise TransientError("the database has no primary")
