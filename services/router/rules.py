"""The rules, in the order in which they are applied. Pure.

A rule returns a verdict, or None if it does not apply. To add one, write a function and add it to
`RULES`.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from schemas.cases import Decision
from schemas.flags import CommentFlag
from schemas.message_ids import OWN_MAIL_HEADER
from schemas.reasons import IgnoreReason, ParkReason, Rule
from services.router import automatic
from services.router.case_candidates import MAX_CASES, MAX_THREAD_IDS, signed_cases, signed_ids
from services.router.facts import MailFacts
from services.router.reports import DeliveryReport
from services.router.verdict import Verdict
from services.runtime.mail.headers import MailHeaders

MAX_HOPS = 100  # RFC 5321 section 6.3: a server that counts hops allows at least 100


def own_mail(facts: MailFacts) -> Verdict | None:
    """A mail that we sent comes back, by forwarding or from another mailbox.

    A recipient of our mail can reuse its id in a mail of their own; only that mail is then ignored.
    """
    signer = facts.policy.message_id_signer
    for message_id in facts.headers.message_ids("Message-ID"):
        if signer.case_of(message_id) is not None:
            return Verdict.ignore(IgnoreReason.OWN_MAIL, message_id)
    marks = facts.headers.texts(OWN_MAIL_HEADER)
    sent_at = _date(facts.headers) if marks else None
    if sent_at is not None and any(signer.is_marked(mark, sent_at) for mark in marks):
        return Verdict.ignore(IgnoreReason.OWN_MAIL, OWN_MAIL_HEADER)
    return None


def denied_sender(facts: MailFacts) -> Verdict | None:
    """The author is on the mailbox's deny list. Without an address in From, the author is another
    sender of the mail, as in its reading.
    """
    if not facts.policy.deny_senders:
        return None
    authors = facts.headers.addresses("From")
    if not any(author.address for author in authors):
        authors = facts.headers.addresses("Sender", "Reply-To", "Return-Path")
    for author in authors:
        if _is_listed(author.address, facts.policy.deny_senders):
            return Verdict.ignore(IgnoreReason.DENIED_SENDER, "deny_senders")
    return None


def loop(facts: MailFacts) -> Verdict | None:
    """The mail passed through more servers than any route has (RFC 5321 section 6.3)."""
    hops = len(facts.headers.raws("Received"))
    return Verdict.park(ParkReason.MAIL_LOOP, f"Received: {hops}") if hops > MAX_HOPS else None


def sender_not_allowed(facts: MailFacts) -> Verdict | None:
    """The author is not on the mailbox's allow list, or the mail failed authentication as theirs.
    If there are several authors, all must be on the list.

    A delivery report with an id that we signed comes from a server that received our mail, whatever
    its address.
    """
    allowed = facts.policy.allow_senders
    if not allowed:
        return None
    authors = [author.address for author in facts.headers.addresses("From") if author.address]
    are_listed = bool(authors) and all(_is_listed(author, allowed) for author in authors)
    if are_listed and facts.authentication != "fail":
        return None
    if facts.report and signed_ids(facts.policy.message_id_signer, facts.report_ids):
        return None
    evidence = "allow_senders, authentication failed" if are_listed else "allow_senders"
    return Verdict.park(ParkReason.SENDER_NOT_ALLOWED, evidence)


def spam(facts: MailFacts) -> Verdict | None:
    """The receiving server classified the mail as spam, and the settings say to park spam."""
    if facts.spam_evidence is None or facts.policy.spam != "park":
        return None
    return Verdict.park(ParkReason.SPAM, facts.spam_evidence)


def delivery_report(facts: MailFacts) -> Verdict | None:
    """A mail of ours was not delivered. The report is added to its case, or else parked."""
    report, candidates, signer = facts.report, facts.candidates, facts.policy.message_id_signer
    if report is None:
        return None
    cases = signed_cases(signer, [*report.message_ids, *report.references])
    cases += [
        number for subject in report.subjects for number in facts.policy.reference.find(subject)
    ]
    cases += candidates.cases  # some servers return no part of the mail, but refer to it
    decision = Decision(
        rule=Rule.DELIVERY_REPORT,
        evidence=[report.evidence, *report.message_ids[:1]],
        cases=list(dict.fromkeys(cases))[:MAX_CASES],
        thread_ids=[*report.message_ids, *report.references, *candidates.thread_ids][
            :MAX_THREAD_IDS
        ],
        flags=[_report_flag(report)],
        signed=signed_cases(signer, facts.report_ids)[:MAX_CASES],
        addressed=candidates.addressed,
        authentication=facts.authentication,
        reports_on=signed_ids(signer, report.message_ids or candidates.thread_ids[:1]),
    )
    return Verdict("append", decision, ParkReason.DELIVERY_REPORT, kind="bounce", otherwise="park")


def automatic_reply(facts: MailFacts) -> Verdict | None:
    """An automatic reply, such as out of office, is added to its case and ignored without one.

    Weak evidence counts only for a reply to a mail of ours; any other mail opens a case.
    """
    candidates = facts.candidates
    evidence = automatic.reply_evidence(facts.headers)
    weak = automatic.weak_reply_evidence(facts.headers) if evidence is None else None
    is_reply = bool(candidates.cases or candidates.thread_ids)
    if evidence is None and (weak is None or not is_reply):
        return None
    decision = Decision(
        rule=Rule.AUTOMATIC_REPLY,
        evidence=[evidence or weak or "", *candidates.evidence],
        cases=candidates.cases,
        thread_ids=candidates.thread_ids,
        flags=facts.flags,
        signed=candidates.signed,
        addressed=candidates.addressed,
        authentication=facts.authentication,
    )
    otherwise: Literal["open", "ignore"] = "ignore" if evidence else "open"
    return Verdict(
        "append", decision, IgnoreReason.AUTOMATIC_REPLY, kind="automatic", otherwise=otherwise
    )


def known_case(facts: MailFacts) -> Verdict | None:
    """A case number is in the subject, in an address of ours, or in a Message-ID of ours that the
    mail answers.
    """
    candidates = facts.candidates
    if not candidates.cases:
        return None
    decision = Decision(
        rule=candidates.rule,
        evidence=candidates.evidence,
        cases=candidates.cases,
        thread_ids=candidates.thread_ids,
        flags=facts.flags,
        signed=candidates.signed,
        addressed=candidates.addressed,
        authentication=facts.authentication,
    )
    return Verdict("append", decision)


RULES: tuple[Callable[[MailFacts], Verdict | None], ...] = (
    own_mail,
    denied_sender,
    loop,
    sender_not_allowed,
    spam,
    delivery_report,
    automatic_reply,
    known_case,
)


def _date(headers: MailHeaders) -> datetime | None:
    """The Date header; None if it is missing or invalid. UTC is assumed if it names no zone."""
    try:
        date = parsedate_to_datetime(headers.text("Date") or "")
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _report_flag(report: DeliveryReport) -> str:
    return CommentFlag.UNDELIVERABLE if report.action == "failed" else f"delivery-{report.action}"


def _is_listed(address: str, senders: Collection[str]) -> bool:
    lowered = address.lower()
    return lowered in senders or f"@{lowered.rpartition('@')[2]}" in senders
