"""Mail is sent from cases by SMTP, through real servers, whatever the SMTP server does."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deploy.local import PrivateServers
from deploy.local.servers.smtp import TakenMail
from schemas.mails import BlobRef
from schemas.sending import AnswerCase, AnswerFile
from services.cli.audit.checks import Auditor
from services.cli.case.show import print_case, read_case
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store
from tests.integration.office import ADDRESS, Office, letter, parsed
from tests.integration.smtp_moods import FAULTS, MoodySink

LIMITS = "max_automatic_mails_per_minute = 1000"


@pytest.fixture(scope="module")
async def office(
    servers: PrivateServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """An office with two senders; every test has its own customers."""
    folder: Path = tmp_path_factory.mktemp("office")
    with MoodySink() as sink:
        async with Office(servers, folder, sink, sender=LIMITS, timeout_s=1.0).open(
            senders=2
        ) as office:
            yield office


def sink_of(office: Office) -> MoodySink:
    assert isinstance(office.sink, MoodySink)
    return office.sink


async def opened(office: Office, name: str, **more: Any) -> int:
    """The number of a case opened by `name`, after its acknowledgement reached a final state."""
    number = await office.case_of(
        await office.receive(letter(name, sender=f"{name}@customer.example", **more))
    )
    await office.until(
        lambda mails: f"ack {number}" in mails and bool(mails[f"ack {number}"]["ended_at"]),
        "outbox",
    )
    return number


def answer(number: int, name: str, **more: Any) -> AnswerCase:
    return AnswerCase(
        id=f"answer-{name}", case=number, text="Dziękujemy.\n", at=datetime.now(UTC), **more
    )


async def answered(office: Office, one: AnswerCase) -> dict[str, Any]:
    """The document in the outbox of an answer that reached a final state."""
    await office.answer(one)
    key = f"answer {one.id}"
    await office.until(lambda mails: key in mails and bool(mails[key]["ended_at"]), "outbox")
    return (await office.all("outbox"))[key]


async def test_a_mail_that_opens_a_case_is_acknowledged_once_and_the_case_shows_it(
    office: Office,
) -> None:
    number = await opened(office, "anna")
    [taken] = sink_of(office).taken_by("anna@customer.example")
    assert (taken.sender, taken.recipients) == (ADDRESS, ("anna@customer.example",))
    mail = parsed(taken)
    assert mail["Subject"] == f"Sprawa [#{number}] została założona"
    assert f"[#{number}]" in mail.get_content()
    assert mail["In-Reply-To"] == "<letter-anna@customer.example>"
    assert (mail["Auto-Submitted"], mail["X-Mailcase-Case"].split()[0]) == (
        "auto-replied",
        str(number),
    )
    assert office.signer.case_of(mail["Message-ID"]) == number
    for foreign in (b"Zam", b"Letter"):  # its subject, its text
        assert foreign not in taken.raw
    comment = (await office.all("comments"))[f"ack {number}"]
    assert (comment["kind"], comment["message_id"], comment["flags"]) == (
        "sent",
        mail["Message-ID"],
        ["automatic"],
    )
    thread = (await office.all("threads"))[f"invoices {mail['Message-ID']}"]
    assert (thread["case"], thread["claimed_by"]) == (number, f"ack {number}")
    assert (await office.all("cases"))[number]["comment_count"] == 2


async def test_our_own_mail_that_comes_back_is_ignored(office: Office) -> None:
    await opened(office, "boomerang")
    [taken] = sink_of(office).taken_by("boomerang@customer.example")
    key = await office.receive(taken.raw)
    await office.until(lambda mails: key in mails, "mails")
    mail = (await office.all("mails"))[key]
    assert (mail["outcome"], mail["reason"]) == ("ignored", "own-mail")


async def test_our_header_identifies_a_sent_mail_without_its_message_id_and_proves_no_other_mail(
    office: Office,
) -> None:
    await opened(office, "gateway")
    [taken] = sink_of(office).taken_by("gateway@customer.example")
    mail = parsed(taken)
    mail.replace_header("Message-ID", "<rewritten@gateway.example>")
    back = await office.receive(mail.as_bytes())
    mail.replace_header("Message-ID", "<copied@stranger.example>")
    mail.replace_header("Date", "Wed, 25 Nov 2020 08:30:15 +0000")
    copied = await office.receive(mail.as_bytes())
    await office.until(lambda mails: {back, copied} <= mails.keys(), "mails")
    mails = await office.all("mails")
    assert (mails[back]["outcome"], mails[back]["reason"]) == ("ignored", "own-mail")
    assert mails[copied]["reason"] != "own-mail"


@pytest.mark.parametrize(
    "headers", ["X-Failed-Recipients: x\r\n", "Auto-Submitted: auto-replied\r\n", ""]
)
async def test_a_forged_mail_with_the_number_is_flagged_and_its_recipients_get_no_answer(
    office: Office, headers: str
) -> None:
    name = f"victim{len(headers)}"
    number = await opened(office, name)
    forged = (
        f"From: eve@stranger.example\r\nTo: {ADDRESS}\r\nCc: mallory@stranger.example\r\n{headers}"
        f"Subject: [#{number}] accounts\r\nMessage-ID: <forged-{name}@stranger.example>\r\n\r\nText\r\n"
    )
    key = await office.receive(forged.encode())
    assert await office.case_of(key) == number
    assert "unverified-sender" in (await office.all("comments"))[key]["flags"]
    assert (await office.all("cases"))[number]["participants"] == [f"{name}@customer.example"]


UNANSWERED = {
    "list": "List-Id: <news.customer.example>\r\n",
    "bulk": "Precedence: bulk\r\n",
    "robot": "Auto-Submitted: auto-generated\r\n",
    "scanner": "X-Auto-Response-Suppress: All\r\n",
    "noreply": "",
}


async def test_machines_are_not_answered(office: Office) -> None:
    keys = [
        await office.receive(letter(name, sender=f"{name}@customer.example", headers=headers))
        for name, headers in UNANSWERED.items()
    ]
    no_path = letter("path", sender="path@customer.example").replace(
        b"<bounce@customer.example>", b"<>"
    )
    keys.append(await office.receive(no_path))
    keys.append(await office.receive(letter("old", sender="old@customer.example"), origin="replay"))
    numbers = [await office.case_of(key) for key in keys]
    assert not {f"ack {number}" for number in numbers} & set(await office.all("outbox"))


async def test_an_answer_goes_to_the_participants_with_its_files_once(office: Office) -> None:
    number = await opened(office, "olga")
    content, large = b"%PDF-1.4 \xff\x00", bytes(range(256)) * 4000
    async with Store.opened(office.servers.store.url, office.name) as store:
        blob: BlobRef = await Blobs(store).put(large)
    files = [AnswerFile(name="zamówienie.pdf", content_type="application/pdf", content=content)]
    files.append(AnswerFile(name="scan.tiff", content_type="image/tiff", blob=blob))
    one = answer(number, "olga", files=files, subject=f"Case [#{number}] was accepted")
    assert (await answered(office, one))["state"] == "sent"
    await office.answer(one)  # a workflow system repeats itself
    later = await answered(office, answer(number, "olga-2"))
    taken = sink_of(office).taken_by("olga@customer.example")
    assert len(taken) == 3  # with the acknowledgement
    mail = parsed(taken[1])
    assert mail["Subject"] == f"Case [#{number}] was accepted"
    assert (mail["In-Reply-To"], mail["Auto-Submitted"]) == ("<letter-olga@customer.example>", None)
    body = mail.get_body()
    assert body is not None
    assert body.get_content().splitlines() == ["Dziękujemy."]
    attached = {
        part.get_filename(): part.get_payload(decode=True) for part in mail.iter_attachments()
    }
    assert attached == {"zamówienie.pdf": content, "scan.tiff": large}
    comment = (await office.all("comments"))[f"answer {one.id}"]
    assert (comment["kind"], comment["text"], len(comment["attachments"])) == (
        "sent",
        "Dziękujemy.\n",
        2,
    )
    assert later["subject"] == f"RE: [#{number}] Zamówienie olga"
    case = (await office.all("cases"))[number]
    assert (case["comment_count"], case["attachment_count"]) == (4, 2)


async def test_a_stranger_who_wrote_to_the_case_gets_no_answer(office: Office) -> None:
    number = await opened(office, "petra")
    stranger = letter("eve", sender="eve@stranger.example").replace(
        b"Subject: ", b"Subject: [#%d] " % number
    )
    assert await office.case_of(await office.receive(stranger)) == number
    assert (await answered(office, answer(number, "petra")))["to"] == ["petra@customer.example"]
    assert sink_of(office).taken_by("eve@stranger.example") == []


async def test_an_answer_that_can_never_go_out_is_a_dead_letter_with_its_reason(
    office: Office,
) -> None:
    dead = await office.dead_letters("case_writer.commands.dead")
    await office.answer(answer(999_999, "nobody"))
    letters = await asyncio.wait_for(dead.next_batch(1), 60)
    await dead.acknowledge()
    assert letters[0].headers["x-mailcase-reason"] == "no-such-case: 999999"
    assert letters[0].headers["x-mailcase-routing-key"] == "answer.invoices"


async def test_every_mail_is_sent_and_at_most_one_duplicate_per_server_fault(
    office: Office,
) -> None:
    moods = ["later", "hang", "cut", "lost"]
    await asyncio.gather(*(opened(office, mood) for mood in moods))
    for mood in moods:
        taken = sink_of(office).taken_by(f"{mood}@customer.example")
        duplicates = FAULTS[mood] if mood in {"hang", "cut"} else 0  # those after DATA
        assert 1 <= len(taken) <= 1 + duplicates, mood
        assert len({mail.raw for mail in taken}) == 1, mood  # to the byte, so the Message-ID too
        assert sink_of(office).attempts[mood] == FAULTS[mood] + 1


async def test_a_refusal_and_the_giving_up_are_shown_on_the_case(office: Office) -> None:
    async def two_days_later() -> None:
        """Make the mail that is never accepted so old that it is given up."""
        never = {"to": "never@customer.example", "failure": {"$ne": None}}
        tried = [never["to"]]
        await office.until(
            lambda mails: any(mail["to"] == tried and mail["failure"] for mail in mails.values()),
            "outbox",
        )
        await office.change(
            "outbox", never, {"created_at": datetime.now(UTC) - timedelta(days=2.1)}
        )

    cases = (opened(office, "no"), opened(office, "never"), opened(office, "unknown"))
    *numbers, _ = await asyncio.gather(*cases, two_days_later())
    outbox, comments = await office.all("outbox"), await office.all("comments")
    assert [outbox[f"ack {number}"]["state"] for number in numbers] == [
        "refused",
        "given-up",
        "refused",
    ]
    words = [comments[f"ack {number}"]["failure"] for number in numbers]
    assert words == [
        "no@customer.example: 554 5.7.1 refused by policy",
        "never@customer.example: 451 4.3.0 try again later",
        "unknown@customer.example: 550 5.1.1 no such user",
    ]
    for number in numbers:
        assert comments[f"ack {number}"]["flags"] == ["automatic", "undeliverable"]
        assert comments[f"ack {number}"]["sent_at"] is None
    assert (outbox[f"ack {numbers[0]}"]["attempts"], outbox[f"ack {numbers[2]}"]["attempts"]) == (
        1,
        1,
    )


async def test_of_several_recipients_each_gets_it_once(office: Office) -> None:
    number = await opened(office, "team")
    to = ["one@customer.example", "unknown@customer.example", "grey@customer.example"]
    document = await answered(office, answer(number, "team", to=to))
    assert document["state"] == "sent"
    assert document["failure"] == "unknown@customer.example: 550 5.1.1 no such user"
    [first], [second] = (sink_of(office).taken_by(address) for address in (to[0], to[2]))
    assert (first.recipients, second.recipients) == ((to[0],), (to[2],))
    assert first.raw == second.raw
    assert (await office.all("comments"))[f"answer {document['caused_by']}"]["flags"] == [
        "undeliverable"
    ]


async def test_a_robot_that_answers_every_mail_for_fifty_rounds_gets_few(office: Office) -> None:
    """Each of its mails is new: another subject, no references, and no sign of a program. Two
    senders race.
    """
    numbers = []
    for turn in range(50):
        sender = "parrot@customer.example" if turn % 2 else f"parrot+{turn}@Customer.example"
        numbers.append(
            await office.case_of(await office.receive(letter(f"round-{turn}", sender=sender)))
        )
    acks = {f"ack {number}" for number in numbers}
    await office.until(
        lambda mails: all(key in mails and mails[key]["ended_at"] for key in acks), "outbox"
    )
    outbox = await office.all("outbox")
    states = [outbox[key]["state"] for key in acks]
    assert (states.count("sent"), states.count("suppressed")) == (5, 45)
    assert {outbox[key]["failure"] for key in acks} == {None, "too-many-acknowledgements"}
    assert sum(mail.recipients[0].startswith("parrot") for mail in sink_of(office).mails) == 5


def report_on(taken: TakenMail) -> bytes:
    """The report that a mail server writes when it cannot deliver (RFC 3464)."""
    head = taken.raw.split(b"\r\n\r\n")[0]
    lines = [
        b"Return-Path: <>",
        b"From: Mail Delivery System <MAILER-DAEMON@mx.customer.example>",
        b"To: " + ADDRESS.encode(),
        b"Subject: Undelivered Mail Returned to Sender",
        b"Message-ID: <report@mx.customer.example>",
        b"Auto-Submitted: auto-replied",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        b"",
        b"--b",
        b"",
        b"No such user.",
        b"--b",
        b"Content-Type: message/delivery-status",
        b"",
        b"Reporting-MTA: dns; mx.customer.example",
        b"",
        b"Final-Recipient: rfc822; gone@customer.example",
        b"Action: failed",
        b"Status: 5.1.1",
        b"--b",
        b"Content-Type: text/rfc822-headers",
        b"",
        head,
        b"--b--",
        b"",
    ]
    return b"\r\n".join(lines)


async def test_a_delivery_report_marks_the_sent_comment_undeliverable_and_is_not_answered(
    office: Office,
) -> None:
    number = await opened(office, "gone")
    await answered(office, answer(number, "gone"))
    acknowledgement, second = sink_of(office).taken_by("gone@customer.example")
    key = await office.receive(report_on(second))
    assert await office.case_of(key) == number
    comments, outbox = await office.all("comments"), await office.all("outbox")
    assert comments[key]["kind"] == "bounce"
    marked = comments["answer answer-gone"]
    assert (marked["flags"], marked["failure"]) == (
        ["undeliverable"],
        f"a delivery report came, see comment {key}",
    )
    assert outbox["answer answer-gone"]["bounced_by"] == key
    assert comments[f"ack {number}"]["flags"] == ["automatic"]  # that one did arrive
    assert len(sink_of(office).taken_by("gone@customer.example")) == 2
    forged = report_on(acknowledgement).replace(
        parsed(acknowledgement)["Message-ID"].encode()[-60:-20], b"0" * 40
    )
    await office.case_of(await office.receive(forged))
    assert (await office.all("comments"))[f"ack {number}"]["flags"] == ["automatic"]


async def mailcase(office: Office, *arguments: str) -> tuple[int, str, str]:
    """Run a command; returns its status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.cli", *arguments, "--config", str(office.config)),
        env={**os.environ, **office.environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_command_replies_from_a_case_and_the_case_shows_it(
    office: Office, tmp_path: Path
) -> None:
    number = await opened(office, "clara")
    (tmp_path / "text.txt").write_text("Zamówienie przyjęte.\n")
    (tmp_path / "order.pdf").write_bytes(b"%PDF-1.4 order")
    command = ("reply", str(number), "--text-file", str(tmp_path / "text.txt"))
    good, refused = await asyncio.gather(
        mailcase(
            office, *command, "--attach", str(tmp_path / "order.pdf"), "--subject", "Order accepted"
        ),
        mailcase(office, *command, "--to", "no@customer.example"),
    )
    assert (good[0], good[2]) == (0, "")
    first, second = good[1].splitlines()
    assert first == f"case {number}: [#{number}] Order accepted, to clara@customer.example"
    assert second.startswith(f"sent as <mc.{number}.")
    mail = parsed(sink_of(office).taken_by("clara@customer.example")[-1])
    [file] = mail.iter_attachments()
    assert (file.get_content_type(), file.get_payload(decode=True)) == (
        "application/pdf",
        b"%PDF-1.4 order",
    )
    warning, failure = refused[2].splitlines()
    assert "clara@customer.example, who is not among the recipients" in warning
    assert (refused[0], failure) == (
        1,
        "mailcase: refused: no@customer.example: 554 5.7.1 refused by policy",
    )
    console = Console(file=(page := StringIO()), width=200)
    print_case(console, await read_case(office.settings, number))
    assert "sent from Faktury kosztowe" in page.getvalue()
    assert "! not delivered: no@customer.example: 554 5.7.1 refused by policy" in page.getvalue()


async def test_a_reply_warns_that_a_stranger_who_wrote_last_does_not_get_it(
    office: Office, tmp_path: Path
) -> None:
    number = await opened(office, "dora")
    late = letter("late", sender="late@supplier.example")
    late = late.replace(b"Subject: ", f"Subject: Re: [#{number}] ".encode())
    assert await office.case_of(await office.receive(late)) == number
    (tmp_path / "text.txt").write_text("Zamówienie przyjęte.\n")
    status, out, err = await mailcase(
        office, "reply", str(number), "--text-file", str(tmp_path / "text.txt"), "--json"
    )
    sent = json.loads(out)
    assert (status, sent["state"], sent["to"]) == (0, "sent", ["dora@customer.example"])
    [warning] = sent["warnings"]
    assert "from late@supplier.example, who is not among the recipients" in warning
    assert "--to late@supplier.example" in warning
    assert err == f"mailcase: warning: {warning}\n"


async def test_the_audit_finds_nothing_wrong_with_what_went_out(office: Office) -> None:
    number = await opened(office, "irena")
    await answered(office, answer(number, "irena"))
    async with Store.opened(office.servers.store.url, office.name) as store:
        assert [
            finding
            async for finding in Auditor(store, deep=True).findings()
            if not finding.harmless
        ] == []


async def test_a_reply_quotes_the_mail_copies_others_and_can_be_recalled(
    office: Office, tmp_path: Path
) -> None:
    number = await opened(office, "quoted")
    (tmp_path / "text.txt").write_text("Zamówienie przyjęte.\n")
    command = ("reply", f"[#{number}]", "--text-file", str(tmp_path / "text.txt"))
    status, _, _ = await mailcase(office, *command, "--cc", "boss@customer.example")
    assert status == 0
    taken = sink_of(office).taken_by("quoted@customer.example")[-1]
    mail = parsed(taken)
    assert mail["Subject"].startswith(f"RE: [#{number}] ")
    assert mail["Cc"] == "boss@customer.example"
    assert set(taken.recipients) <= {"quoted@customer.example", "boss@customer.example"}
    own, _, quoted = mail.get_content().replace("\r\n", "\n").partition("\n\n")
    assert own == "Zamówienie przyjęte."
    assert "> " in quoted
    shown = [
        comment
        for comment in (await office.all("comments")).values()
        if comment["message_id"] == mail["Message-ID"]
    ]
    assert shown[0]["text"].strip() == "Zamówienie przyjęte."

    holding = asyncio.ensure_future(mailcase(office, *command, "--no-quote", "--hold", "600"))
    held: list[str] = []

    def waits(mails: dict[str, Any]) -> bool:
        held[:] = [
            key for key, one in mails.items() if one["case"] == number and one["state"] == "pending"
        ]
        return bool(held)

    await office.until(waits, "outbox")
    status, out, _ = await mailcase(office, "recall", held[0])
    assert (status, out) == (0, f"case {number}: {held[0]} is recalled\n")
    status, _, err = await holding
    assert (status, err.splitlines()[-1]) == (1, "mailcase: recalled")
    before = len(sink_of(office).taken_by("quoted@customer.example"))
    status, _, err = await mailcase(office, "recall", held[0])
    assert status == 1
    assert "is recalled; write another answer instead" in err
    assert len(sink_of(office).taken_by("quoted@customer.example")) == before
