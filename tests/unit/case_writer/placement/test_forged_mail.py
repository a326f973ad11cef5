"""Nothing that anyone can write into a mail gives more rights than a stranger has, whatever the
settings are.
"""

from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
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

OLD_KEYS = MessageIdSigner([b"an old key that is no longer among ours"])
KEYS = MessageIdSigner([b"0123456789abcdef0123456789abcdef"])
SIGNED = KEYS.make(235, "abcdefgh12345678", "office.example")
GUESSED = MessageIdSigner([b"f" * 32]).make(235, "abcdefgh12345678", "office.example")
LETTER = "<letter@customer.example>"
SERVER = "mx.office.example"
SENT_AT = datetime(2026, 11, 23, 10, 11, 12, tzinfo=UTC)
POLICY = Policy(
    message_id_signer=KEYS,
    own_addresses=frozenset({"invoices@office.example", "claims@office.example"}),
)
KNOWN = Snapshot(
    cases={
        235: CaseSnapshot(
            "invoices", "registration", "open", "Invoice", frozenset({"anna@customer.example"})
        )
    },
    threads={thread_id("invoices", LETTER): ThreadSnapshot(235, "key of the letter")},
)


def with_case(**changed: Any) -> Snapshot:
    """KNOWN with another state of the case."""
    return replace(KNOWN, cases={235: replace(KNOWN.cases[235], **changed)})


STRANGER = {
    "From": "eve@stranger.example",
    "To": "invoices@office.example",
    "Cc": "mallory@stranger.example",
}
REPORT = {"Content-Type": "multipart/report; report-type=delivery-status; boundary=b"}
NUMBER = {"Subject": "Invoice [#235]"}
PLUS = "Delivered-To"

# Programs find different authors in these, or none.
HIDDEN_AUTHORS = (
    "(anna@) =?utf-8?q?anna=40customer=2Eexample?=",
    "<anna@=?utf-8?q?customer=2Eexample?=>",
    '"anna@" =?utf-8?q?=3Canna=40customer=2Eexample=3E?=',
    "eve@stranger.example anna@customer.example",
    "anna@customer.example (<eve@stranger.example>)",
    '"<eve@stranger.example>" anna@customer.example',
    '"<eve@stranger.example>" <anna@customer.example>',
    '"anna@customer.example.stranger.example" <anna@customer.example>',
    "=?utf-8?q?=3Ceve=40stranger=2Eexample=3E?= <anna@customer.example>",
    "<@stranger.example:anna@customer.example>",
    "anna@(stranger.example)customer.example",
    "anna@cu\u200bstomer.example",
    "stranger: anna@customer.example;",
    "Anna @ Warsaw <anna@customer.example>",
)

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
    "plus address of another process": {"Delivered-To": "claims+235@office.example"},
    "header signed with an old key": NUMBER
    | {
        "X-Mailcase-Case": OLD_KEYS.mark(235, SENT_AT) or "",
        "Date": format_datetime(SENT_AT),
        "In-Reply-To": OLD_KEYS.make(235, "abcdefgh12345678", "office.example"),
    },
    "many guessed ids": NUMBER
    | {
        "References": " ".join(
            GUESSED.replace("<mc.235", f"<mc.{number}") for number in range(1, 300)
        )
    },
    "guessed id in an encoded word": NUMBER
    | {"In-Reply-To": f"=?us-ascii?q?{GUESSED}?=", "Message-ID": f"=?us-ascii?q?{LETTER}?="},
    "guessed id in a comment": NUMBER | {"In-Reply-To": f"({GUESSED}) <new@stranger.example>"},
    "two ids of its own": NUMBER | {"Message-ID": f"<a@stranger.example>\r\nMessage-ID: {LETTER}"},
    "a participant resends": NUMBER
    | {"Resent-From": "anna@customer.example", "Sender": "anna@customer.example"},
    "a participant's address in the name": NUMBER
    | {"From": '"anna@customer.example" <eve@stranger.example>'},
} | {
    f"a participant's address {how}, {results}": NUMBER
    | {"Authentication-Results": f"{SERVER}; {results}"}
    | headers
    for results in (
        "dmarc=none",
        "dmarc=none header.from=stranger.example",
        "dmarc=pass header.from=stranger.example",
        "dmarc=pass",
        "spf=pass",
    )
    for how, headers in {
        "in a second From": {"From": "eve@stranger.example\r\nFrom: anna@customer.example"},
        "in a first From": {"From": "anna@customer.example\r\nFrom: eve@stranger.example"},
        "before the author's": {"From": "anna@customer.example, eve@stranger.example"},
        "in an encoded word": {"From": "=?utf-8?q?anna=40customer=2Eexample?="},
        "in Reply-To, without From": {"From": "", "Reply-To": "anna@customer.example"},
        "in Sender, without From": {"From": "Anna", "Sender": "anna@customer.example"},
        **{f"as {author}": {"From": author} for author in HIDDEN_AUTHORS},
    }.items()
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
    "mailbox limit": {"max_new_cases_per_mailbox": 1},
    "process": {"reference_scope": "process"},
    "refer": {"number_from_strangers": "refer"},
    "new case": {"reply_to_closed": "new-case"},
    "append": {"reply_to_closed": "append"},
}
# The case as it is, under another title than the mails have, and closed.
STATES = {
    "open": KNOWN,
    "another title": with_case(title="Order"),
    "closed": with_case(status="closed"),
}


def arrived(headers: dict[str, str], policy: Policy, body: str = "text") -> PreparedMail:
    fields = {name: value for name, value in (STRANGER | headers).items() if value}
    block = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    raw = f"{block}\r\n{body}".encode()
    return PreparedMail(
        decide(raw_mail(raw), replace(policy, authentication_server=SERVER)), read_mail(raw)
    )


def placed(
    headers: dict[str, str],
    policy: Policy = POLICY,
    body: str = "text",
    *,
    known: Snapshot = KNOWN,
    **rules: Any,
) -> Plan:
    settings = {"invoices": Rules(**rules)}
    own = POLICY.own_addresses
    item = arrived(headers, policy, body)
    if item.command.__class__.__name__ in {"ParkMail", "IgnoreMail"}:
        item = PreparedMail(item.command, None)
    return plan([item], known, attempt="attempt", own_addresses=own, rules=settings)


def rights(made: Plan) -> set[str]:
    """What the mail achieved that a stranger's mail must not: a place in the case, trust, new
    participants.
    """
    joined = [placement for placement in made.placed if not placement.opens]
    found = {"in the case" for _ in joined} | {
        f"joins {address}" for placement in joined for address in placement.joins
    }
    return found | {"trusted" for placement in joined if "unverified-sender" not in placement.flags}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_mail_has_no_right_that_a_plain_stranger_lacks(forged: str, policy: str) -> None:
    # A plain stranger can write to our address with the number, too.
    plain = NUMBER | {name: value for name, value in FORGED[forged].items() if name == PLUS}
    gained = {
        (rule, state): rights(placed(FORGED[forged], POLICIES[policy], known=known, **settings))
        - rights(placed(plain, POLICIES[policy], known=known, **settings))
        for rule, settings in RULES.items()
        for state, known in STATES.items()
    }
    assert {key: more for key, more in gained.items() if more} == {}


@pytest.mark.parametrize("policy", ["allow_senders", "spam"])
@pytest.mark.parametrize("forged", FORGED)
def test_no_forged_mail_passes_a_rule_that_parks_strangers(forged: str, policy: str) -> None:
    spam = {"X-Spam-Flag": "no\r\nX-Spam-Flag: yes"} if policy == "spam" else {}
    made = placed(FORGED[forged] | spam, POLICIES[policy])
    assert [mail.outcome for mail in made.unassigned] == ["parked"]


@pytest.mark.parametrize("rule", ["anyone", "participants", "hold"])
@pytest.mark.parametrize("policy", ["allow_senders", "nothing"])
def test_a_report_about_a_sent_mail_joins_its_case_under_every_rule(policy: str, rule: str) -> None:
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


# Results that the receiving server did not write, or that only repeat what the sender wrote.
NOT_OURS = [
    f"{SERVER}.stranger.example; dmarc=pass",
    f"x{SERVER}; dmarc=pass",
    f'"{SERVER}"; dmarc=pass',
    f"({SERVER}) mx.stranger.example; dmarc=pass",
    f"mx.stranger.example ({SERVER}; dmarc=pass) ; dmarc=pass",
    f"=?us-ascii?q?{SERVER}?=; dmarc=pass",
    f"{SERVER}; spf=none (dmarc=pass; dmarc=pass)",
    f'{SERVER}; spf=pass smtp.mailfrom="a; dmarc=pass"@stranger.example',
    f"{SERVER}; spf=pass smtp.mailfrom==?us-ascii?q?a=3B_dmarc=3Dpass_?=@stranger.example",
    f"{SERVER}; spf=pass smtp.mailfrom=a;dmarc=pass@stranger.example",
    f"{SERVER}; spf=pass smtp.mailfrom=a(b@stranger.example; dmarc=pass",
    f"{SERVER}; dmarc=passed",
    f"{SERVER}; dmarc=pass header.from=stranger.example",
    f"{SERVER}; dmarc=pass\r\nAuthentication-Results: {SERVER}; dmarc=none",
]
# The server's bad result, next to words of the sender that hide it from careless readers.
FAILED = [
    f'{SERVER}; spf=pass smtp.mailfrom="("@stranger.example; dmarc=fail header.from=customer.example',
    f"{SERVER}; spf=pass smtp.mailfrom=a(@stranger.example; dmarc=fail",
    f'{SERVER}; spf=pass smtp.mailfrom="@stranger.example; dmarc=fail',
    f"{SERVER}; dmarc=pass\r\nAuthentication-Results: {SERVER}; dmarc=fail",
    f"{SERVER}; spf=pass smtp.mailfrom=a(@stranger.example; dmarc=fail; spf=none smtp.helo=b)",
    f"{SERVER}; dmarc=none header.from=stranger.example",
    f"{SERVER}; dmarc=temperror header.from=sub.customer.example",
    f"{SERVER}; dmarc=pass header.from=customer.example header.from=stranger.example",
    f'{SERVER}; dmarc=pass header.from="stranger.example"',
    f"{SERVER}; dmarc=none header.from=; spf=pass",
    f"{SERVER}; spf=pass header.from=stranger.example",
    f"{SERVER}; dkim=pass (dmarc=pass) header.d=stranger.example; dmarc=fail (p=none)",
]

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
        ({"References": f"{GUESSED} {OLD_KEYS.make(235, 'abcdefgh12345678', 'x.example')}"}, ()),
        ({"In-Reply-To": KEYS.make(234, "abcdefgh12345678", "office.example")}, ()),
        *[({"Authentication-Results": results}, ()) for results in NOT_OURS],
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


@pytest.mark.parametrize("results", FAILED)
def test_a_failure_cannot_be_hidden_by_words_of_the_sender(results: str) -> None:
    [one] = placed(ANNA | {"Authentication-Results": results}).placed
    assert (one.flags[0], one.joins) == ("unverified-sender", ())


@pytest.mark.parametrize(
    ("results", "author"),
    [
        (
            "dmarc=pass (p=reject dis=none) header.from=customer.example",
            "Anna <anna@customer.example>",
        ),
        (
            "dmarc=pass header.from=CUSTOMER.example",
            "=?utf-8?q?Anna_=C5=BB?= <Anna@customer.example>",
        ),
        ('dmarc=pass header.from=customer.example reason="a;b"', "anna@customer.example (Anna)"),
        (
            "spf=pass smtp.mailfrom=x.example; dmarc=pass header.from=customer.example",
            "anna@customer.example",
        ),
    ],
)
def test_a_pass_for_the_author_counts_in_the_forms_of_servers(results: str, author: str) -> None:
    mail = ANNA | {"From": author, "Authentication-Results": f"{SERVER}; {results}"}
    [one] = placed(mail).placed
    assert (one.flags, one.joins) == ((), ("jan@customer.example",))


@pytest.mark.parametrize(
    "author",
    [
        '"anna@customer.example" <anna@customer.example>',
        "\"'Anna@Customer.example'\" <anna@customer.example>",
        "anna@customer.example <anna@customer.example>",
        "=?utf-8?q?anna=40customer=2Eexample?= <anna@customer.example>",
        '"Anna via List" <anna@customer.example>',
        "=?utf-8?q?Kowalska=2C_Anna?=\r\n <anna@customer.example>",
        '"Kowalska, Anna (office)" <anna@customer.example>',
        'Anna "Ania" K. Żółć <anna@customer.example> (office (Warsaw))',
        '"anna"@customer.example',
        "anna @ customer.example",
        "anna (Anna) @\r\n customer.example",
        "(Anna) < anna@CUSTOMER.example >",
    ],
)
def test_the_usual_forms_of_an_author_keep_their_rights(author: str) -> None:
    for results in ("dmarc=pass", "dmarc=pass header.from=customer.example"):
        mail = ANNA | {"From": author, "Authentication-Results": f"{SERVER}; {results}"}
        [one] = placed(mail).placed
        assert (one.flags, one.joins) == ((), ("jan@customer.example",))
    [one] = placed(ANNA | {"From": author, "Authentication-Results": f"{SERVER}; spf=pass"}).placed
    assert (one.flags, one.joins) == ((), ())


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
