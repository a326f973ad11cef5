"""Who is answered automatically, to whom an answer goes, and under which headers."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.cases import Decision
from schemas.sending import AnswerCase
from schemas.stored import OutgoingMail
from services.case_writer.outgoing.composer import OutgoingMailComposer
from services.case_writer.placement.plan import NewCase, Placed
from services.casework.outgoing import Answerable, mailable
from services.casework.quoting import MAX_QUOTED_CHARS, QuotedMail, quote
from services.runtime.errors import CommandRefusedError
from services.runtime.mail.headers import Address
from tests.builders import ANNA, NOW, item, opening
from tests.unit.sender.builders import IDS, settings

CASE = Answerable(
    235,
    "invoices",
    "invoices",
    "Invoice 17",
    ["anna@customer.example", "jan@supplier.example"],
    "<m1@customer.example>",
    ["<m0@customer.example>", "<m1@customer.example>"],
)


@pytest.fixture
def made(tmp_path: Path) -> OutgoingMailComposer:
    return OutgoingMailComposer(settings(tmp_path), IDS)


def placed(
    *, author: Address = ANNA, flags: tuple[str, ...] = (), origin: str = "fetch", **read: Any
) -> Placed:
    one = item(opening("m", origin=origin), "<m1@customer.example>", author=author, **read)
    decision = Decision(rule="new-case", flags=list(flags))
    assert one.reading is not None
    return Placed(one, one.reading, NewCase("invoices"), "invoices", decision, opens=True)


def answer(**more: Any) -> AnswerCase:
    fields: dict[str, Any] = {"id": "answer-0001", "case": 235, "text": "Hello", "at": NOW}
    return AnswerCase(**(fields | more))


def test_a_person_s_mail_is_acknowledged_to_its_author_alone(made: OutgoingMailComposer) -> None:
    mail = made.acknowledgement(placed(reply_to=[Address("", "eve@evil.example")]), 235, NOW)
    assert mail is not None
    assert (mail.id, mail.kind, mail.state, mail.to) == (
        "ack 235",
        "acknowledgement",
        "pending",
        [ANNA.address],
    )
    assert (mail.subject, mail.text, mail.auto_submitted) == (None, None, "auto-replied")
    assert (mail.author.name, mail.author.address) == (
        "Faktury kosztowe",
        "invoices@office.example",
    )
    assert mail.reply_to is None
    assert IDS.case_of(mail.message_id) == 235
    assert (mail.in_reply_to, mail.references) == (
        "<m1@customer.example>",
        ["<m1@customer.example>"],
    )


def test_the_same_mail_gives_the_same_acknowledgement(made: OutgoingMailComposer) -> None:
    assert made.acknowledgement(placed(), 235, NOW) == made.acknowledgement(placed(), 235, NOW)


NO_ONE = [
    ({"flags": ("auto-generated",)}, "automatic"),
    ({"flags": ("bulk",)}, "automatic"),
    ({"flags": ("list",)}, "automatic"),
    ({"flags": ("no-answer-wanted",)}, "automatic"),
    ({"flags": ("spam",)}, "automatic"),
    ({"origin": "replay"}, "replayed"),
    ({"author": Address("Nobody", "")}, "no-address"),
    ({"author": Address("", "żaneta@customer.example")}, "no-address"),
    ({"author": Address("", "invoices@office.example")}, "own"),
    ({"author": Address("", "Invoices+17@Office.example")}, "own"),
    *(
        ({"author": Address("", f"{name}@customer.example")}, "no-reply")
        for name in (
            "noreply", "no-reply", "No_Reply", "do-not-reply", "donotreply", "nie-odpowiadaj", "nieodpowiadaj",
            "noreply-invoices", "invoices-noreply", "mailer-daemon", "MAILER-DAEMON", "postmaster", "bounce",
            "bounces+anna=x", "list-bounces", "owner-list", "list-request", "nobody", "majordomo",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "why"), NO_ONE)
def test_what_no_machine_may_answer(
    made: OutgoingMailComposer, changes: dict[str, Any], why: str
) -> None:
    one = placed(**changes)
    assert made.why_not(one) == why
    assert made.acknowledgement(one, 235, NOW) is None


@pytest.mark.parametrize(
    "local", ["anna", "norbert", "replay", "rooter", "noah.reply", "bounceback", "nowak-office"]
)
def test_names_that_only_look_like_a_machine_s_are_answered(
    made: OutgoingMailComposer, local: str
) -> None:
    assert made.why_not(placed(author=Address("", f"{local}@customer.example"))) is None


def test_what_opens_no_case_or_comes_from_a_stranger_to_a_case_is_not_acknowledged(
    made: OutgoingMailComposer,
) -> None:
    one = placed()
    assert made.why_not(replace(one, opens=False)) == "opens-no-case"
    assert made.why_not(replace(one, kind="bounce")) == "opens-no-case"
    stranger = msgspec.structs.replace(one.decision, resolution="not-a-participant")
    assert made.why_not(replace(one, decision=stranger)) == "unverified"


def test_a_process_that_does_not_want_it_acknowledges_nothing(tmp_path: Path) -> None:
    off = OutgoingMailComposer(settings(tmp_path, ("enabled = true", "enabled = false")), IDS)
    assert off.acknowledgement(placed(), 235, NOW) is None


def test_many_references_keep_the_first_and_the_last(made: OutgoingMailComposer) -> None:
    ids = [f"<{number}@customer.example>" for number in range(100)]
    mail = made.acknowledgement(placed(references=ids[::-1]), 235, NOW)
    assert mail is not None
    assert mail.references == [ids[0], *ids[-18:], "<m1@customer.example>"]


def test_ids_that_could_do_harm_in_a_header_are_left_out(made: OutgoingMailComposer) -> None:
    hostile = [
        "<a@x>\r\nBcc: eve@evil.example",
        "<a b@x>",
        "no brackets",
        "<ż@x>",
        f"<{'x' * 300}@x>",
    ]
    mail = made.acknowledgement(placed(references=hostile), 235, NOW)
    assert mail is not None
    assert mail.references == ["<m1@customer.example>"]


def sent_as(folder: Path, change: tuple[str, str]) -> OutgoingMail:
    mail = OutgoingMailComposer(settings(folder, change), IDS).acknowledgement(placed(), 235, NOW)
    assert mail is not None
    return mail


def test_reply_to_is_the_plus_address_if_the_server_supports_it(tmp_path: Path) -> None:
    mail = sent_as(tmp_path, ('server = "s"', 'server = "s"\nplus_addressing = true'))
    assert (mail.author.address, mail.reply_to) == (
        "invoices@office.example",
        "invoices+235@office.example",
    )


def test_mail_under_another_address_asks_for_answers_at_the_mailbox(tmp_path: Path) -> None:
    mail = sent_as(
        tmp_path,
        (
            "[process.invoices]",
            '[process.invoices]\nfrom_address = "us@łódź.example"\nfrom_name = "Us"',
        ),
    )
    assert (mail.author.name, mail.author.address) == ("Us", "us@xn--d-uga0v4h.example")
    assert mail.reply_to == "invoices@office.example"
    assert mail.message_id.endswith("@xn--d-uga0v4h.example>")


def test_an_answer_goes_to_the_participants(made: OutgoingMailComposer) -> None:
    mail = made.answer(answer(), CASE, [], NOW)
    assert (mail.id, mail.kind, mail.subject) == (
        "answer answer-0001",
        "answer",
        "RE: [#235] Invoice 17",
    )
    assert mail.to == ["anna@customer.example", "jan@supplier.example"]
    assert (mail.text, mail.auto_submitted) == ("Hello", None)
    assert (mail.in_reply_to, mail.references) == (CASE.in_reply_to, CASE.references)
    assert IDS.case_of(mail.message_id) == 235


def test_an_answer_goes_to_the_addresses_given_and_to_nobody_else(
    made: OutgoingMailComposer,
) -> None:
    assert made.answer(answer(to=["eve@other.example"]), CASE, [], NOW).to == ["eve@other.example"]


def test_our_own_mailboxes_get_no_answer(made: OutgoingMailComposer) -> None:
    case = replace(
        CASE, participants=["invoices@office.example", "anna@customer.example", "not an address"]
    )
    assert made.answer(answer(), case, [], NOW).to == ["anna@customer.example"]


@pytest.mark.parametrize(
    ("subject", "written"),
    [
        (None, "RE: [#235] Invoice 17"),
        ("Case [#235] was accepted", "Case [#235] was accepted"),
        ("about [#7]", "[#235] about [#7]"),
        ("[#7] and [#235]", "[#235] [#7] and [#235]"),
        ("two\r\nlines", "[#235] two lines"),
    ],
)
def test_the_reference_comes_first_in_the_subject(
    made: OutgoingMailComposer, subject: str | None, written: str
) -> None:
    assert made.answer(answer(subject=subject), CASE, [], NOW).subject == written


def test_a_program_s_answer_is_marked(made: OutgoingMailComposer) -> None:
    assert made.answer(answer(automatic=True), CASE, [], NOW).auto_submitted == "auto-generated"


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"to": ["a@x.example\r\nBcc: b@x.example"]}, {}, "unusable-address"),
    ({"to": ["a@x.example, b@x.example"]}, {}, "unusable-address"),
    ({"to": ["Anna <a@x.example>"]}, {}, "unusable-address"),
    ({}, {"participants": []}, "no-recipient"),
    ({}, {"participants": ["invoices@office.example"]}, "no-recipient"),
    ({"to": [f"{number}@x.example" for number in range(101)]}, {}, "too-many-recipients"),
    ({}, {"process": "unknown"}, "unknown-process"),
    ({"text": "x" * 1_000_001}, {}, "text-too-long"),
    ({"id": "short"}, {}, "bad-id"),
    ({"id": "answer 17\r\n"}, {}, "bad-id"),
]


@pytest.mark.parametrize(("changes", "case", "reason"), REFUSED)
def test_an_answer_that_can_never_go_out_says_why(
    made: OutgoingMailComposer, changes: dict[str, Any], case: dict[str, Any], reason: str
) -> None:
    with pytest.raises(CommandRefusedError, match=reason):
        made.answer(answer(**changes), replace(CASE, **case), [], NOW)


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("anna@customer.example", "anna@customer.example"),
        (" Anna.Nowak+x@Customer.example ", "Anna.Nowak+x@Customer.example"),
        ("o'neil@x.example", "o'neil@x.example"),
        ("anna@łódź.example", "anna@xn--d-uga0v4h.example"),
        ("anna", None),
        ("anna@", None),
        ("@x.example", None),
        ('"a b"@x.example', None),
        ("a@b@x.example", None),
        ("a@x.example>", None),
        ("a@x..example", None),
        ("ż@x.example", None),
        ("a" * 65 + "@x.example", None),
    ],
)
def test_addresses_that_every_server_takes(address: str, sent: str | None) -> None:
    assert mailable(address) == sent


def test_recipients_whose_domains_take_long_to_encode_are_refused_at_once(
    made: OutgoingMailComposer,
) -> None:
    letters = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(2_400))
    addresses = [f"a@{letters[at : at + 240]}.pl" for at in range(2_000)]
    started = time.monotonic()
    with pytest.raises(CommandRefusedError, match="too-many-recipients: 2000"):
        made.answer(answer(to=addresses), CASE, [], NOW)
    with pytest.raises(CommandRefusedError, match="no-recipient"):
        made.answer(answer(), replace(CASE, participants=addresses), [], NOW)
    assert time.monotonic() - started < 2.0  # it was half a minute


class TestAnswers:
    def test_copies_are_recipients_too_and_nobody_gets_it_twice(
        self, made: OutgoingMailComposer
    ) -> None:
        mail = made.answer(answer(cc=["boss@customer.example", *CASE.participants]), CASE, [], NOW)
        assert mail.cc == ["boss@customer.example"]
        assert mail.remaining == [*mail.to, "boss@customer.example"]

    def test_a_copy_to_an_unusable_address_is_refused(self, made: OutgoingMailComposer) -> None:
        with pytest.raises(CommandRefusedError, match="unusable-address"):
            made.answer(answer(cc=["nobody"]), CASE, [], NOW)

    def test_the_title_loses_what_programs_put_before_answers(
        self, made: OutgoingMailComposer
    ) -> None:
        case = replace(CASE, title="Odp: RE: Invoice 17")
        assert made.answer(answer(), case, [], NOW).subject == "RE: [#235] Invoice 17"

    def test_without_a_mail_to_answer_it_is_no_reply(self, made: OutgoingMailComposer) -> None:
        case = replace(CASE, in_reply_to=None)
        assert made.answer(answer(), case, [], NOW).subject == "[#235] Invoice 17"

    @pytest.mark.parametrize(
        ("wanted", "quoted"),
        [(True, "On 04 March 2026 at 05:06 UTC Anna wrote:\n> Hello\n>\n> you"), (False, "")],
    )
    def test_the_mail_that_is_answered_is_quoted_when_wanted(
        self, made: OutgoingMailComposer, wanted: bool, quoted: str
    ) -> None:
        case = replace(
            CASE,
            quotable=QuotedMail("Anna", datetime(2026, 3, 4, 5, 6, tzinfo=UTC), "Hello\n\nyou"),
        )
        assert made.answer(answer(quote=wanted), case, [], NOW).quoted == quoted

    def test_a_held_answer_is_due_later(self, made: OutgoingMailComposer) -> None:
        mail = made.answer(answer(hold_s=15.0), CASE, [], NOW)
        assert (mail.created_at, mail.due_at) == (NOW, NOW + timedelta(seconds=15))

    @pytest.mark.parametrize("hold_s", [-1.0, 1e9])
    def test_a_hold_beyond_reason_is_refused(
        self, made: OutgoingMailComposer, hold_s: float
    ) -> None:
        with pytest.raises(CommandRefusedError, match="invalid-hold"):
            made.answer(answer(hold_s=hold_s), CASE, [], NOW)


def test_a_long_quote_is_cut_at_a_line() -> None:
    quoted = quote(QuotedMail("Anna", NOW, "line of text\n" * 3000), "pl")
    assert quoted.startswith("W dniu ")
    assert quoted.endswith("> line of text\n> […]")
    assert len(quoted) < MAX_QUOTED_CHARS * 1.3
