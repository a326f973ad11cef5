"""What a mail belongs to, from its headers alone, and from a delivery report's body. Pure.

Every decision carries its rule and the evidence. The rules are asked in order, and the first that has an opinion
decides. A new rule is a function and a line in `RULES`.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Literal

from schemas.case_ref import MAX_DIGITS
from schemas.cases import Authentication, Decision
from schemas.message_ids import OWN_MAIL_HEADER, MessageIdSigner
from services.router import automatic
from services.router.authentication import authentication, dmarc_results
from services.router.policy import Policy
from services.router.reports import Report, read_report
from services.runtime.mail.headers import MailHeaders

MAX_CASES = 20
MAX_THREAD_IDS = 50  # a References header may grow with every answer; the nearest ids decide
MAX_HOPS = 100  # RFC 5321 section 6.3: a server that counts hops allows at least 100

_RECIPIENTS = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")
_PLUS = re.compile(rf"(?P<local>[^+@]+)\+(?P<number>[1-9][0-9]{{0,{MAX_DIGITS - 1}}})@(?P<domain>.+)", re.ASCII)
_SPAM_STATUS = re.compile(r"\s*yes\b", re.IGNORECASE)


@dataclass(frozen=True)
class Trail:
    """Where a mail may belong: case numbers, best first, with the rule that found the best one; then Message-IDs."""

    rule: str
    evidence: list[str]
    cases: list[int]
    thread_ids: list[str]
    signed: list[int]  # the cases that signed ids of ours name


@dataclass(frozen=True)
class Facts:
    """What the rules go by: the mail as far as it is at hand, its headers, what the settings say."""

    headers: MailHeaders
    raw: bytes
    policy: Policy

    @cached_property
    def trail(self) -> Trail:
        return _trail(self.headers, self.policy)

    @cached_property
    def report(self) -> Report | None:
        return read_report(self.headers, self.raw)

    @cached_property
    def authentication(self) -> Authentication:
        return authentication(self.headers, self.policy.authentication_server)

    @property
    def report_ids(self) -> list[str]:
        """The ids of the returned mail, of those that it answers, and of those that the report answers."""
        returned = [*self.report.message_ids, *self.report.references] if self.report else []
        return [*returned, *self.trail.thread_ids]

    @cached_property
    def flags(self) -> list[str]:
        """Marks for the comment: a machine's mail, a verdict of the receiving server's."""
        spam = _spam_evidence(self.headers, self.policy)
        return [*automatic.flags(self.headers), *(["spam"] if spam and self.policy.spam != "accept" else [])]


@dataclass(frozen=True)
class Verdict:
    """What shall happen; `reason` is a constant name where the mail goes to no case, else None.

    For `append`, `kind` is the comment's, and `otherwise` tells what becomes of the mail if none of its cases exists.
    """

    action: Literal["open", "append", "park", "ignore"]
    decision: Decision
    reason: str | None = None
    kind: Literal["mail", "bounce", "automatic"] = "mail"
    otherwise: Literal["open", "park", "ignore"] = "open"


Rule = Callable[[Facts], Verdict | None]


def classify(headers: MailHeaders, raw: bytes, policy: Policy) -> Verdict:
    """The verdict of the first rule that has one; a mail that none of them knows opens a case."""
    facts = Facts(headers, raw, policy)
    for rule in RULES:
        verdict = rule(facts)
        if verdict is not None:
            return verdict
    decision = Decision(
        rule="new-case",
        thread_ids=facts.trail.thread_ids,
        flags=facts.flags,
        authentication=facts.authentication,
    )
    return Verdict("open", decision)


def own_mail(facts: Facts) -> Verdict | None:
    """What we sent ourselves comes back: a forwarding, or a mailbox that feeds another.

    Who received a mail of ours can give its id to their own mail, which only has their own mail ignored.
    """
    for message_id in facts.headers.message_ids("Message-ID"):
        if facts.policy.own_ids.case_of(message_id) is not None:
            return _aside("ignore", "own-mail", message_id)
    marks = facts.headers.texts(OWN_MAIL_HEADER)
    sent_at = _date(facts.headers) if marks else None
    if sent_at is not None and any(facts.policy.own_ids.is_marked(one, sent_at) for one in marks):
        return _aside("ignore", "own-mail", OWN_MAIL_HEADER)
    return None


def loop(facts: Facts) -> Verdict | None:
    """A mail that went through more servers than any way has (RFC 5321 section 6.3)."""
    hops = len(facts.headers.raws("Received"))
    return _aside("park", "mail-loop", f"{hops} Received headers") if hops > MAX_HOPS else None


def denied_sender(facts: Facts) -> Verdict | None:
    """A sender whom the mailbox's settings name."""
    for author in facts.headers.addresses("From"):
        if _listed(author.address, facts.policy.deny_senders):
            return _aside("ignore", "denied-sender", "deny_senders")
    return None


def delivery_report(facts: Facts) -> Verdict | None:
    """A mail of ours could not be delivered: to the case that it was sent from, else to a person."""
    report = facts.report
    if report is None:
        return None
    cases = [*_own_cases(facts.policy.own_ids, [*report.message_ids, *report.references])]
    cases += [number for subject in report.subjects for number in facts.policy.reference.find(subject)]
    cases += facts.trail.cases  # some servers return nothing and only answer: In-Reply-To, or our subject in theirs
    decision = Decision(
        rule="delivery-report",
        evidence=[report.evidence, *report.message_ids[:1]],
        cases=list(dict.fromkeys(cases))[:MAX_CASES],
        thread_ids=[*report.message_ids, *report.references, *facts.trail.thread_ids][:MAX_THREAD_IDS],
        flags=[_report_flag(report)],
        signed=_own_cases(facts.policy.own_ids, facts.report_ids)[:MAX_CASES],
        authentication=facts.authentication,
        reports_on=_own_ids(facts.policy.own_ids, report.message_ids or facts.trail.thread_ids[:1]),
    )
    return Verdict("append", decision, reason="delivery-report", kind="bounce", otherwise="park")


def sender_not_allowed(facts: Facts) -> Verdict | None:
    """If the mailbox names whom it takes mail from, the others wait for a person.

    A report that has a signed id of ours comes from a server that got our mail, whatever its address.
    """
    allowed = facts.policy.allow_senders
    authors = facts.headers.addresses("From")
    if not allowed or any(_listed(author.address, allowed) for author in authors):
        return None
    if facts.report and _own_ids(facts.policy.own_ids, facts.report_ids):
        return None
    return _aside("park", "sender-not-allowed", "allow_senders")


def spam(facts: Facts) -> Verdict | None:
    """The receiving server's verdict, where the settings hand it to a person."""
    evidence = _spam_evidence(facts.headers, facts.policy)
    return _aside("park", "spam", evidence) if evidence and facts.policy.spam == "park" else None


def automatic_reply(facts: Facts) -> Verdict | None:
    """Out of office and its like: kept with its case, and worth nothing without one.

    Weak evidence counts only on an answer; a mail that answers nothing of ours opens a case.
    """
    trail = facts.trail
    evidence = automatic.reply_evidence(facts.headers)
    weak = automatic.weak_reply_evidence(facts.headers) if evidence is None else None
    if evidence is None and (weak is None or not (trail.cases or trail.thread_ids)):
        return None
    decision = Decision(
        rule="automatic-reply",
        evidence=[evidence or weak or "", *trail.evidence],
        cases=trail.cases,
        thread_ids=trail.thread_ids,
        flags=facts.flags,
        signed=trail.signed,
        authentication=facts.authentication,
    )
    otherwise: Literal["open", "ignore"] = "ignore" if evidence else "open"
    return Verdict("append", decision, reason="automatic-reply", kind="automatic", otherwise=otherwise)


def known_case(facts: Facts) -> Verdict | None:
    """A number in the subject, in one of our addresses, or in a Message-ID of ours that it answers."""
    trail = facts.trail
    if not trail.cases:
        return None
    return Verdict(
        "append",
        Decision(
            rule=trail.rule,
            evidence=trail.evidence,
            cases=trail.cases,
            thread_ids=trail.thread_ids,
            flags=facts.flags,
            signed=trail.signed,
            authentication=facts.authentication,
        ),
    )


RULES: tuple[Rule, ...] = (
    own_mail,
    denied_sender,
    loop,
    sender_not_allowed,
    spam,
    delivery_report,
    automatic_reply,
    known_case,
)


def _aside(action: Literal["park", "ignore"], rule: str, evidence: str) -> Verdict:
    return Verdict(action, Decision(rule=rule, evidence=[evidence]), reason=rule)


def _trail(headers: MailHeaders, policy: Policy) -> Trail:
    subject = headers.text("Subject") or ""
    thread_ids = _thread_ids(headers)
    found = {
        "case-reference": policy.reference.find(subject),
        "plus-address": _plus_numbers(headers, policy.own_addresses),
        "own-message-id": _own_cases(policy.own_ids, thread_ids),
    }
    rule = next((name for name, numbers in found.items() if numbers), "thread")
    cases = list(dict.fromkeys(number for numbers in found.values() for number in numbers))[:MAX_CASES]
    evidence = [f"{name} {policy.reference.write(number)}" for name, numbers in found.items() for number in numbers]
    return Trail(rule, evidence[:MAX_CASES], cases, thread_ids, found["own-message-id"][:MAX_CASES])


def _plus_numbers(headers: MailHeaders, own_addresses: frozenset[str]) -> list[int]:
    """`invoices+235@example.com`, where invoices@example.com is ours (RFC 5233)."""
    numbers = []
    for one in headers.addresses(*_RECIPIENTS):
        found = _PLUS.fullmatch(one.address)
        if found and f"{found['local']}@{found['domain']}".lower() in own_addresses:
            numbers.append(int(found["number"]))
    return numbers


def _own_cases(own_ids: MessageIdSigner, message_ids: list[str]) -> list[int]:
    return [case for one in message_ids if (case := own_ids.case_of(one)) is not None]


def _own_ids(own_ids: MessageIdSigner, message_ids: list[str]) -> list[str]:
    return [one for one in message_ids if own_ids.case_of(one) is not None]


def _thread_ids(headers: MailHeaders) -> list[str]:
    """The Message-IDs that a mail refers to, nearest first: In-Reply-To, References from the end (RFC 5322 3.6.4)."""
    ids = [*headers.message_ids("In-Reply-To"), *reversed(headers.message_ids("References"))]
    own = headers.message_ids("Message-ID")
    return [one for one in dict.fromkeys(ids) if one not in own][:MAX_THREAD_IDS]


def _date(headers: MailHeaders) -> datetime | None:
    try:
        found = parsedate_to_datetime(headers.text("Date") or "")
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _report_flag(report: Report) -> str:
    return "undeliverable" if report.action == "failed" else f"delivery-{report.action}"


def _listed(address: str, names: Collection[str]) -> bool:
    lowered = address.lower()
    return lowered in names or f"@{lowered.rpartition('@')[2]}" in names


def _spam_evidence(headers: MailHeaders, policy: Policy) -> str | None:
    """A verdict that the receiving server wrote; None where there is none, or none that is bad."""
    if (headers.text("X-Spam-Flag") or "").strip().lower() in {"yes", "true"}:
        return "X-Spam-Flag"
    if _SPAM_STATUS.match(headers.text("X-Spam-Status") or ""):
        return "X-Spam-Status"
    if "fail" in dmarc_results(headers, policy.authentication_server):
        return "Authentication-Results: dmarc=fail"
    return None
