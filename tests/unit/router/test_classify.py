"""Classification by headers: tables of mails and verdicts."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas.case_ref import CaseReference
from schemas.message_ids import MessageIdSigner
from services.router.classify import classify
from services.router.policy import Policy
from services.router.reports import read_report
from services.router.verdict import Verdict
from services.runtime.mail.headers import MailHeaders

KEY = b"0123456789abcdef0123456789abcdef"
OWN = MessageIdSigner([KEY]).make(235, "abcdefgh12345678", "office.example")
FORGED = MessageIdSigner([b"f" * 32]).make(235, "abcdefgh12345678", "office.example")
DATE = "Wed, 25 Nov 2026 09:30:15 +0100"
MARK = (
    MessageIdSigner([KEY]).mark(235, datetime(2026, 11, 25, 8, 30, 15, 250_000, tzinfo=UTC)) or ""
)
POLICY = Policy(
    message_id_signer=MessageIdSigner([KEY]), own_addresses=frozenset({"invoices@office.example"})
)


def decide(
    headers: Mapping[str, str] | str, body: str = "text", policy: Policy = POLICY
) -> Verdict:
    block = (
        headers
        if isinstance(headers, str)
        else "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    )
    raw = (block + "\r\n" + body).encode()
    return classify(MailHeaders.parse(raw), raw, policy)


@pytest.mark.parametrize(
    "subject",
    [
        "RE: Case [#235] was accepted",
        "Odp: Case [#235]",
        "PD: FW: AW: WG: SV: TR: [#235]",
        "re: [ #235 ] blanks inside",
        "folded\r\n [#235]",
        "folded inside [#235]\r\n\tand on",
        "=?utf-8?Q?Odp=3A_Sprawa_=5B=23235=5D_przyj=C4=99ta?=",
        "=?utf-8?B?UkU6IENhc2UgWyMyMzVdIHdhcyBhY2NlcHRlZA==?=",
        "=?utf-8?Q?RE=3A_Case_=5B=232?= =?utf-8?Q?35=5D_split?=",
    ],
)
def test_the_reference_survives_what_clients_do_to_a_subject(subject: str) -> None:
    verdict = decide({"Subject": subject})
    assert (verdict.action, verdict.decision.rule, verdict.decision.cases) == (
        "append",
        "case-reference",
        [235],
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Subject": "invoice #12/2026"},
        {"Subject": "[#012]"},
        {"Subject": "[#0]"},
        {"Subject": "[#-5]"},
        {"Subject": "[#1234567890123456]"},
        {"Subject": "[＃２３５] [#２３５]"},
        {"Subject": "\u202e]532#[ [#235]"},
        {"Subject": "no number", "Message-ID": "<[#235]@x.example>", "X-Other": "[#235]"},
        {},
    ],
)
def test_text_that_only_resembles_a_reference_opens_a_case(headers: dict[str, str]) -> None:
    verdict = decide(headers, body="> Case [#235] was accepted\r\n[#235]")
    assert (verdict.action, verdict.decision.rule) == ("open", "new-case")


def test_every_reference_in_the_subject_is_a_candidate_in_order() -> None:
    assert decide({"Subject": "FW: [#9] about [#7], see [#9]"}).decision.cases == [9, 7]


def test_a_prefix_of_the_settings_is_written_and_read() -> None:
    policy = replace(POLICY, reference=CaseReference("Sprawa"))
    assert decide({"Subject": "Odp: [Sprawa #235]"}, policy=policy).decision.cases == [235]
    assert decide({"Subject": "Odp: [#235]"}, policy=policy).decision.cases == [235]
    assert decide({"Subject": "Odp: [Sprawa #235]"}).action == "open"


@pytest.mark.parametrize("header", ["To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To"])
def test_our_plus_address_identifies_its_case(header: str) -> None:
    verdict = decide({header: "Office <Invoices+235@Office.example>"})
    assert (verdict.decision.rule, verdict.decision.cases) == ("plus-address", [235])


@pytest.mark.parametrize(
    "address",
    [
        "else+235@office.example",
        "invoices+235@other.example",
        "invoices+0235@office.example",
        "x+1@[1.2.3.4]",
    ],
)
def test_a_plus_address_of_others_is_ignored(address: str) -> None:
    assert decide({"To": address}).action == "open"


@pytest.mark.parametrize("header", ["In-Reply-To", "References"])
def test_our_own_message_id_leads_to_its_case_and_a_forged_one_does_not(header: str) -> None:
    verdict = decide({header: f"<a@b.example> {OWN}"})
    assert (verdict.decision.rule, verdict.decision.cases) == ("own-message-id", [235])
    assert decide({header: FORGED}).action == "open"


def test_an_id_signed_with_an_older_key_is_still_ours() -> None:
    rotated = replace(POLICY, message_id_signer=MessageIdSigner([b"n" * 32, KEY]))
    assert decide({"In-Reply-To": OWN}, policy=rotated).decision.cases == [235]


def test_the_subject_comes_before_the_address_and_the_address_before_the_ids() -> None:
    headers = {"Subject": "[#1]", "To": "invoices+2@office.example", "In-Reply-To": OWN}
    assert decide(headers).decision.cases == [1, 2, 235]
    assert decide(headers).decision.rule == "case-reference"


def test_thread_ids_are_passed_on_nearest_first_without_the_mails_own() -> None:
    headers = {
        "Message-ID": "<me@x.example>",
        "In-Reply-To": "<parent@x.example>",
        "References": "<root@x.example> <me@x.example> <parent@x.example>",
    }
    assert decide(headers).decision.thread_ids == ["<parent@x.example>", "<root@x.example>"]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Message-ID": OWN, "Subject": "[#235]"}, "own-mail"),
        (
            {"X-Mailcase-Case": MARK, "Date": DATE, "Message-ID": "<rewritten@gateway.example>"},
            "own-mail",
        ),
    ],
)
def test_our_own_mail_that_comes_back_is_ignored(headers: dict[str, str], reason: str) -> None:
    verdict = decide(headers)
    assert (verdict.action, verdict.reason) == ("ignore", reason)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Mailcase-Case": "235", "Date": DATE},  # another installation's, or anyone's
        {"X-Mailcase-Case": MARK.replace("235", "236"), "Date": DATE},
        {"X-Mailcase-Case": MARK, "Date": "Wed, 25 Nov 2026 09:30:16 +0100"},
        {"X-Mailcase-Case": MARK},
        {"X-Mailcase-Case": MARK, "Date": "yesterday"},
    ],
)
def test_a_mark_without_a_valid_signature_for_this_mail_is_ignored(headers: dict[str, str]) -> None:
    assert decide(headers).action == "open"


def test_a_mail_in_a_loop_is_parked() -> None:
    circling = decide("Received: from a by b\r\n" * 101)
    assert (circling.action, circling.reason) == ("park", "mail-loop")
    assert decide("Received: from a by b\r\n" * 100).action == "open"


@pytest.mark.parametrize(
    "value", ["(a (nested) comment) auto-replied", r"(un\)balanced) Auto-Replied; x=y"]
)
def test_comments_do_not_hide_an_automatic_reply(value: str) -> None:
    assert decide({"Auto-Submitted": value}).kind == "automatic"


@pytest.mark.parametrize(
    ("headers", "flag"),
    [
        ({"Precedence": "(c) bulk"}, "bulk"),
        ({"Precedence": "(c (d)) list"}, "list"),
        ({"Precedence": "(never closed bulk"}, "no-answer-wanted"),
        ({"Auto-Submitted": "(never closed"}, "auto-generated"),
        ({"Auto-Submitted": ""}, "auto-generated"),
    ],
)
def test_an_unreadable_mark_of_automatic_mail_prevents_an_automatic_answer(
    headers: dict[str, str], flag: str
) -> None:
    assert decide(headers).decision.flags == [flag]


def test_automatic_mail_about_leave_opens_a_case_unless_it_is_a_reply() -> None:
    application = {"Auto-Submitted": "auto-generated", "Subject": "Urlop wypoczynkowy: wniosek"}
    assert (decide(application).action, decide(application).decision.flags) == (
        "open",
        ["auto-generated"],
    )
    answers = decide(application | {"In-Reply-To": OWN})
    assert (answers.kind, answers.otherwise, answers.decision.signed) == (
        "automatic",
        "open",
        [235],
    )


REPORT = """\
--b
Content-Type: text/plain

Your message could not be delivered.
--b
Content-Type: message/delivery-status

Final-Recipient: rfc822; nobody@customer.example
Action: failed
--b
Content-Type: text/rfc822-headers

{returned}
--b--
""".replace("\n", "\r\n")
REPORT_HEADERS = {
    "From": "MAILER-DAEMON@mx.example",
    "Subject": "Undelivered Mail Returned to Sender",
    "Content-Type": "multipart/report; report-type=delivery-status; boundary=b",
    "Auto-Submitted": "auto-replied",
}


@pytest.mark.parametrize(
    ("returned", "cases"),
    [
        (f"Message-ID: {OWN}", [235]),
        (f"Message-ID:\r\n {OWN}", [235]),
        ("Subject: Case [#77] was accepted", [77]),
        ("Subject: =?utf-8?Q?Sprawa_=5B=2377=5D?=", [77]),
    ],
)
def test_a_delivery_report_goes_to_the_case_of_the_mail_that_bounced(
    returned: str, cases: list[int]
) -> None:
    verdict = decide(REPORT_HEADERS, REPORT.replace("{returned}", returned))
    assert (verdict.action, verdict.kind, verdict.otherwise) == ("append", "bounce", "park")
    assert verdict.decision.cases == cases
    assert verdict.decision.flags == ["undeliverable"]


def test_a_delivery_report_about_a_mail_unknown_to_us_waits_for_a_person() -> None:
    verdict = decide(REPORT_HEADERS, REPORT.replace("{returned}", f"Message-ID: {FORGED}"))
    assert (verdict.decision.cases, verdict.otherwise, verdict.reason) == (
        [],
        "park",
        "delivery-report",
    )


def test_a_delay_is_not_called_a_failure() -> None:
    body = REPORT.replace("{returned}", f"Message-ID: {OWN}").replace(
        "Action: failed", "Action: delayed"
    )
    assert decide(REPORT_HEADERS, body).decision.flags == ["delivery-delayed"]


@pytest.mark.parametrize(
    "headers",
    [
        {
            "From": "Mail Delivery System <Mailer-Daemon@mx.example>",
            "Subject": "Mail delivery failed: returning message",
        },
        {"From": "postmaster@mx.example", "Subject": "Undeliverable: Case [#5]"},
        {"From": "postmaster@mx.example", "Subject": "Niedostarczona wiadomość"},
        {"From": "a@mx.example", "X-Failed-Recipients": "nobody@customer.example"},
    ],
)
def test_reports_that_follow_no_standard_are_reports(headers: dict[str, str]) -> None:
    assert decide(headers).kind == "bounce"


def test_a_mail_by_a_person_about_a_failed_delivery_is_not_a_report() -> None:
    assert (
        decide({"From": "jan@customer.example", "Subject": "Delivery failed: my parcel"}).action
        == "open"
    )


ABUSE_REPORT = (
    "--b\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
    "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n"
    f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {OWN}\r\nSubject: [#235] invoice\r\n\r\nour mail\r\n"
    "--b--\r\n"
)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": 'multipart/report; report-type="feedback-report"; boundary=b'},
        {"Content-Type": "multipart/report; boundary=b; Report-Type=FEEDBACK-REPORT"},
        {"Content-Type": "multipart/report; boundary=b"},
        {"Content-Type": "multipart/report; report-type=tlsrpt; boundary=b"},
        {
            "Content-Type": "multipart/report; report-type=feedback-report; boundary=b",
            "X-Failed-Recipients": "a@b.test",
        },
        {
            "Content-Type": "multipart/report; report-type=feedback-report; boundary=b",
            "From": "MAILER-DAEMON@isp.example",
            "Subject": "Undelivered mail: abuse report",
        },
    ],
)
def test_an_abuse_report_is_not_a_failed_delivery(headers: dict[str, str]) -> None:
    verdict = decide(
        {"From": "feedback@isp.example", "Subject": "complaint"} | headers, body=ABUSE_REPORT
    )
    assert verdict.decision.rule != "delivery-report"
    assert verdict.kind == "mail"
    assert "undeliverable" not in verdict.decision.flags


def test_a_report_on_a_returned_abuse_report_is_a_failed_delivery() -> None:
    body = "--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n" + ABUSE_REPORT
    for kind in (
        "multipart/report; report-type=delivery-status; boundary=b",
        "multipart/report; boundary=b",
    ):
        assert decide({"Content-Type": kind}, body=body).decision.rule == "delivery-report"


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"Auto-Submitted": "Auto-Replied (vacation)"},
        {"X-Autoreply": "yes"},
        {"X-Autorespond": "Re: your mail"},
        {"Precedence": "auto_reply"},
        {"X-POST-MessageClass": "9; Autoresponder"},
        {"Return-Path": "<>", "Subject": "Automatyczna odpowiedź: faktura"},
        {"Return-Path": "<>", "Subject": "Abwesenheitsnotiz: Rechnung"},
        {"Return-Path": "<>", "Subject": "Out of Office: invoice"},
        {
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "Subject": "Automatic reply: invoice",
        },
        {"Content-Type": "multipart/report; report-type=disposition-notification; boundary=b"},
    ],
)
def test_an_automatic_answer_is_added_to_its_case_or_ignored(headers: dict[str, str]) -> None:
    alone = decide(headers)
    assert (alone.action, alone.kind, alone.otherwise, alone.reason) == (
        "append",
        "automatic",
        "ignore",
        "automatic-reply",
    )
    with_number = decide(headers | {"Subject": headers.get("Subject", "") + " [#235]"})
    assert (with_number.kind, with_number.decision.cases) == ("automatic", [235])


@pytest.mark.parametrize(
    ("headers", "flag"),
    [
        ({"Auto-Submitted": "auto-generated"}, "auto-generated"),
        ({"Precedence": "bulk"}, "bulk"),
        ({"List-Unsubscribe": "<mailto:x@y.example>"}, "bulk"),
        ({"List-Id": "<news.y.example>"}, "list"),
        ({"Return-Path": "<>"}, "no-answer-wanted"),
        ({"X-Auto-Response-Suppress": "OOF"}, "no-answer-wanted"),
    ],
)
def test_automatic_mail_opens_a_case_and_gets_no_automatic_answer(
    headers: dict[str, str], flag: str
) -> None:
    verdict = decide(headers)
    assert verdict.action == "open"
    assert flag in verdict.decision.flags


def test_an_ordinary_mail_has_no_flags() -> None:
    assert (
        decide(
            {"Auto-Submitted": "no", "Return-Path": "<a@b.example>", "Subject": "Automatic doors"}
        ).decision.flags
        == []
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Spam-Flag": "YES"},
        {"X-Spam-Status": "Yes, score=9.1 required=5.0"},
        {
            "Authentication-Results": "mx.office.example; spf=fail; dmarc=fail (p=reject) header.from=bank.example"
        },
    ],
)
def test_the_servers_verdict_of_spam_flags_or_parks_as_the_settings_say(
    headers: dict[str, str],
) -> None:
    named = replace(POLICY, authentication_server="mx.office.example")
    assert decide(headers, policy=named).decision.flags == ["spam"]
    parked = decide(headers, policy=replace(named, spam="park"))
    assert (parked.action, parked.reason) == ("park", "spam")
    assert decide(headers, policy=replace(named, spam="accept")).decision.flags == []


def test_authentication_results_of_another_server_are_not_trusted() -> None:
    named = replace(POLICY, authentication_server="mx.office.example")
    assert (
        decide(
            {"Authentication-Results": "mx.evil.example; dmarc=fail"}, policy=named
        ).decision.flags
        == []
    )


def test_sender_lists_of_a_mailbox_hold() -> None:
    denying = replace(POLICY, deny_senders=frozenset({"@spam.example"}))
    assert (
        decide({"From": "x@Spam.example", "Subject": "[#235]"}, policy=denying).reason
        == "denied-sender"
    )
    allowing = replace(
        POLICY, allow_senders=frozenset({"jan@customer.example", "@partner.example"})
    )
    assert decide({"From": "Jan <JAN@customer.example>"}, policy=allowing).action == "open"
    assert decide({"From": "a@partner.example"}, policy=allowing).action == "open"
    stranger = decide({"From": "b@customer.example"}, policy=allowing)
    assert (stranger.action, stranger.reason) == ("park", "sender-not-allowed")


@pytest.mark.parametrize(
    ("author", "results"),
    [
        ("Jan <jan@customer.example>", "dmarc=fail header.from=customer.example"),
        ("Eve <e@evil.example>, Jan <jan@customer.example>", "dmarc=none"),
        ("e@evil.example <jan@customer.example>", "dmarc=pass header.from=evil.example"),
        ("Jan <jan@customer.example>\r\nFrom: e@evil.example", "dmarc=none"),
    ],
)
def test_a_forged_author_is_on_no_list(author: str, results: str) -> None:
    policy = replace(
        POLICY,
        allow_senders=frozenset({"jan@customer.example"}),
        authentication_server="mx.office.example",
    )
    forged = decide(
        {"From": author, "Authentication-Results": f"mx.office.example; {results}"}, policy=policy
    )
    assert (forged.action, forged.reason) == ("park", "sender-not-allowed")


def test_of_several_authors_each_must_be_on_the_list() -> None:
    policy = replace(POLICY, allow_senders=frozenset({"@customer.example"}))
    both = "Jan <jan@customer.example>, Eva <eva@customer.example>"
    assert decide({"From": both}, policy=policy).action == "open"
    for other in (f"e@evil.example, {both}", f"{both}, e@evil.example", "Jan"):
        assert decide({"From": other}, policy=policy).action == "park"


@pytest.mark.parametrize("words", ["=?utf-8?q?=C5=BC?= " * 62, "=?utf-8?b?xxxx?="])
@pytest.mark.parametrize("name", ["Message-ID", "Subject", "References"])
def test_a_report_whose_fields_are_folded_into_each_other_takes_no_time(
    name: str, words: str
) -> None:
    """No other mail is routed meanwhile; it took up to ten seconds."""
    lines = f" {name}: {words}\n" * (250_000 // len(words))
    head = "From: jan@customer.example\nContent-Type: multipart/report\n\n"
    raw = f"{head}Message-ID: <first@office.example>\n{lines}".encode()
    started = time.monotonic()
    report = read_report(MailHeaders.parse(raw), raw)
    assert time.monotonic() - started < 2.0
    assert report is not None
    assert "<first@office.example>" in report.message_ids


@pytest.mark.parametrize(
    "field",
    [f"Subject: {'=?utf-8?b?xxxx?= a ' * 13_000}", f"To: {'=?utf-8?b?xxxx?= a ' * 12_000}<a@b.pl>"],
    ids=["subject", "name"],
)
def test_a_field_with_many_words_to_repair_takes_no_time(field: str) -> None:
    """No other mail is routed meanwhile; it took up to nine seconds."""
    started = time.monotonic()
    headers = MailHeaders.parse(f"From: a@x.example\r\n{field}\r\n\r\n".encode())
    assert classify(headers, b"", Policy()).action == "open"
    assert time.monotonic() - started < 2.0
