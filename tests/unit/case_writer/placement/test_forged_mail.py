"""What anyone can write into a mail gives no right that a plain stranger lacks, whatever the
settings say.
"""

from dataclasses import replace
from typing import Any

import pytest

from schemas.case_ref import CaseReference
from schemas.message_ids import MessageIdSigner
from schemas.stored import thread_id
from services.case_writer.placement.plan import NewCase, Plan, PreparedMail
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot import CaseSnapshot, Snapshot, ThreadSnapshot
from services.case_writer.reading import read_mail
from services.router.policy import Policy
from services.router.service import decide
from services.runtime.settings.schema.processes import Rules
from tests.builders import raw_mail

KEYS = MessageIdSigner([b"0123456789abcdef0123456789abcdef"])
SIGNED = KEYS.make(235, "abcdefgh12345678", "office.example")
GUESSED = MessageIdSigner([b"f" * 32]).make(235, "abcdefgh12345678", "office.example")
LETTER = "<letter@customer.example>"
SERVER = "mx.office.example"
POLICY = Policy(message_id_signer=KEYS, own_addresses=frozenset({"invoices@office.example"}))
KNOWN = Snapshot(
    cases={
        235: CaseSnapshot(
            "invoices", "registration", "open", "Invoice", frozenset({"anna@customer.example"})
        )
    },
    threads={thread_id("invoices", LETTER): ThreadSnapshot(235, "key of the letter")},
)
STRANGER = {
    "From": "eve@stranger.example",
    "To": "invoices@office.example",
    "Cc": "mallory@stranger.example",
}
REPORT = {"Content-Type": "multipart/report; report-type=delivery-status; boundary=b"}
NUMBER = {"Subject": "Invoice [#235]"}

FORGED: dict[str, dict[str, str]] = {
    "report by type": NUMBER | REPORT,
    "report by header": NUMBER | {"X-Failed-Recipients": "x"},
    "report with a guessed id": NUMBER | REPORT | {"In-Reply-To": GUESSED},
    "automatic answer": NUMBER | {"Auto-Submitted": "auto-replied"},
    "read receipt": NUMBER
    | {"Content-Type": "multipart/report; report-type=disposition-notification; boundary=b"},
    "answer to a guessed id of ours": NUMBER | {"In-Reply-To": GUESSED},
    "answer to a guessed id of theirs": NUMBER | {"In-Reply-To": "<guessed@customer.example>"},
    "number in the subject": NUMBER,
    "plus address": {"Delivered-To": "invoices+235@office.example"},
    "header of ours": NUMBER | {"X-Mailcase-Case": "235"},
    "header with a guessed signature": NUMBER | {"X-Mailcase-Case": f"235 {'0' * 32}"},
    "guessed id as its own": NUMBER | {"Message-ID": GUESSED},
    "results of another server": NUMBER
    | {"Authentication-Results": "mx.stranger.example; dmarc=pass"},
    "a participant's address": NUMBER
    | {"From": "anna@customer.example", "Authentication-Results": f"{SERVER}; dmarc=fail"},
    "a participant's address, by a report": NUMBER
    | REPORT
    | {"From": "anna@customer.example", "Authentication-Results": f"{SERVER}; dmarc=fail"},
}
POLICIES: dict[str, Policy] = {
    "allow_senders": replace(POLICY, allow_senders=frozenset({"@partner.example"})),
    "deny_senders": replace(
        POLICY, deny_senders=frozenset({"@stranger.example", "anna@customer.example"})
    ),
    "spam": replace(POLICY, spam="park"),
    "nothing": POLICY,
}
RULES: dict[str, dict[str, Any]] = {
    "anyone": {},
    "participants": {"reply_from": "participants"},
    "hold": {"reply_from": "hold"},
    "limit": {"max_new_cases_per_sender": 1},
}


def arrived(headers: dict[str, str], policy: Policy, body: str = "text") -> PreparedMail:
    block = "".join(f"{name}: {value}\r\n" for name, value in (STRANGER | headers).items())
    raw = f"{block}\r\n{body}".encode()
    return PreparedMail(
        decide(raw_mail(raw), replace(policy, authentication_server=SERVER)), read_mail(raw)
    )


def placed(
    headers: dict[str, str], policy: Policy = POLICY, body: str = "text", **rules: Any
) -> Plan:
    settings = {"invoices": Rules(**rules)}
    own = POLICY.own_addresses
    item = arrived(headers, policy, body)
    if item.command.__class__.__name__ in {"ParkMail", "IgnoreMail"}:
        item = PreparedMail(item.command, None)
    return plan([item], KNOWN, attempt="attempt", own_addresses=own, rules=settings)


def rights(made: Plan) -> set[str]:
    """What the mail achieved that may be more than a stranger's: a place in the case, trust, others
    who join.
    """
    joined = [placement for placement in made.placed if not placement.opens]
    found = {"in the case" for _ in joined} | {
        f"joins {address}" for placement in joined for address in placement.joins
    }
    return found | {"trusted" for placement in joined if "unverified-sender" not in placement.flags}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_mail_has_no_right_that_a_plain_stranger_lacks(
    forged: str, policy: str, rule: str
) -> None:
    stranger = placed(NUMBER, POLICIES[policy], **RULES[rule])
    attack = placed(FORGED[forged], POLICIES[policy], **RULES[rule])
    assert rights(attack) <= rights(stranger)


@pytest.mark.parametrize("policy", ["allow_senders", "spam"])
@pytest.mark.parametrize("forged", FORGED)
def test_no_forged_mail_passes_a_rule_that_parks_strangers(forged: str, policy: str) -> None:
    spam = {"X-Spam-Flag": "yes"} if policy == "spam" else {}
    made = placed(FORGED[forged] | spam, POLICIES[policy])
    assert [mail.outcome for mail in made.unassigned] == ["parked"]


@pytest.mark.parametrize("rule", ["anyone", "participants", "hold"])
@pytest.mark.parametrize("policy", ["allow_senders", "nothing"])
def test_a_report_on_a_mail_of_ours_comes_to_its_case_under_every_rule(
    policy: str, rule: str
) -> None:
    daemon = REPORT | {
        "From": "mailer-daemon@mx.customer.example",
        "Return-Path": "<>",
        "Subject": "Undelivered",
    }
    body = f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {SIGNED}\r\n\r\n--b--\r\n"
    [one] = placed(daemon, POLICIES[policy], body, **RULES[rule]).placed
    assert (one.target, one.kind, one.flags) == (235, "bounce", ())


@pytest.mark.parametrize("proof", [SIGNED, LETTER])
def test_an_automatic_answer_to_a_mail_of_the_case_is_not_held(proof: str) -> None:
    away = {"Auto-Submitted": "auto-replied", "Subject": "Away", "In-Reply-To": proof}
    [one] = placed(away, reply_from="hold").placed
    assert (one.target, one.kind) == (235, "automatic")


def test_a_report_with_a_number_alone_is_held_or_left_to_a_person() -> None:
    [held] = placed(FORGED["report by type"], reply_from="hold").unassigned
    [apart] = placed(FORGED["report by type"], reply_from="participants").unassigned
    assert [(report.outcome, report.decision.resolution) for report in (held, apart)] == [
        ("parked", "not-a-participant")
    ] * 2
    [flagged] = placed(FORGED["report by type"]).placed
    assert flagged.flags == ("unverified-sender",)


ANNA = NUMBER | {"From": "anna@customer.example", "Cc": "jan@customer.example"}


@pytest.mark.parametrize(
    ("more", "joins"),
    [
        ({}, ()),
        ({"Authentication-Results": f"{SERVER}; dmarc=pass"}, ("jan@customer.example",)),
        ({"Authentication-Results": f"{SERVER}; spf=pass"}, ()),
        ({"Authentication-Results": "mx.other.example; dmarc=pass"}, ()),
        ({"In-Reply-To": SIGNED}, ("jan@customer.example",)),
        ({"In-Reply-To": GUESSED}, ()),
        ({"In-Reply-To": SIGNED, "Authentication-Results": f"{SERVER}; dmarc=fail"}, ()),
    ],
)
def test_recipients_join_only_by_a_mail_whose_author_is_proven(
    more: dict[str, str], joins: tuple[str, ...]
) -> None:
    [one] = placed(ANNA | more).placed
    assert (one.target, one.joins) == (235, joins)


@pytest.mark.parametrize(
    "results", ["dmarc=fail", "(c) ; dmarc = fail (p=none)", "spf=fail; dkim=none", "dkim=fail"]
)
def test_a_mail_that_failed_authentication_is_a_strangers(results: str) -> None:
    failed = ANNA | {"Authentication-Results": f"{SERVER}; {results.removeprefix('(c) ; ')}"}
    [one] = placed(failed).placed
    assert (one.flags[0], one.joins) == ("unverified-sender", ())
    [held] = placed(failed, reply_from="hold").unassigned
    assert held.reason == "not-a-participant"


def test_the_recipients_of_a_forged_first_mail_take_no_part() -> None:
    forged = {"Subject": "New", "Authentication-Results": f"{SERVER}; dmarc=fail"}
    assert placed(forged).placed[0].joins == ("eve@stranger.example",)


@pytest.mark.parametrize(
    ("headers", "opens"),
    [
        ({"Subject": "[#235] Your ticket was received"}, True),
        ({"Subject": "Re: [#235] invoice"}, False),
        ({"Subject": "Odp: RE[2]: Invoice [Case #235]"}, False),
        ({"Subject": "[#235] Ticket", "In-Reply-To": LETTER}, False),
        ({"Subject": "[#235] Ticket", "In-Reply-To": SIGNED}, False),
        ({"Subject": "[#235] Ticket", "From": "anna@customer.example"}, False),
    ],
)
def test_a_number_of_another_system_opens_a_case_that_refers_to_ours(
    headers: dict[str, str], opens: bool
) -> None:
    [one] = placed(
        headers, replace(POLICY, reference=CaseReference("Case")), number_from_strangers="refer"
    ).placed
    assert one.opens is opens
    if isinstance(one.target, NewCase):
        assert (one.target.refers_to, one.decision.resolution) == (235, "foreign-number")
    assert not placed(headers).placed[0].opens or "Case" in headers["Subject"]


def test_numbers_without_the_prefix_are_not_read_if_the_settings_say_so() -> None:
    strict = replace(POLICY, reference=CaseReference("Case", reads_bare=False))
    assert placed({"Subject": "[#235] Ticket"}, strict).placed[0].opens
    assert placed({"Subject": "[Case #235] Ticket"}, strict).placed[0].target == 235
