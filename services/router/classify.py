"""What a mail belongs to, from its headers alone. Pure; every decision carries its rule and the evidence.

The rules are asked in order, and the first that has an opinion decides. A new rule is a function and a line in `RULES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from schemas.case_ref import CaseReference
from schemas.cases import Decision
from services.runtime.mail_headers import MailHeaders

MAX_THREAD_IDS = 50  # a References header may grow with every answer; the nearest ids decide
MAX_CASES = 20


@dataclass(frozen=True)
class Facts:
    """What the rules go by: the headers, and how this installation writes its case reference."""

    headers: MailHeaders
    reference: CaseReference


@dataclass(frozen=True)
class Verdict:
    """What shall happen; `reason` is a constant name where the mail goes to no case, else None."""

    action: Literal["open", "append", "park", "ignore"]
    decision: Decision
    reason: str | None = None


Rule = Callable[[Facts], Verdict | None]


def classify(headers: MailHeaders, reference: CaseReference) -> Verdict:
    """The verdict of the first rule that has one; a mail that none of them knows opens a case."""
    facts = Facts(headers, reference)
    for rule in RULES:
        verdict = rule(facts)
        if verdict is not None:
            return verdict
    return Verdict("open", Decision(rule="new-case", thread_ids=_thread_ids(headers)))


def case_reference_in_subject(facts: Facts) -> Verdict | None:
    """`RE: Case [#235] was accepted`: every number in the subject is a candidate, in order."""
    subject = facts.headers.text("Subject")
    numbers = facts.reference.find(subject) if subject else []
    if not numbers:
        return None
    numbers = numbers[:MAX_CASES]
    evidence = [facts.reference.write(number) for number in numbers]
    decision = Decision(rule="case-reference", evidence=evidence, cases=numbers, thread_ids=_thread_ids(facts.headers))
    return Verdict("append", decision)


RULES: tuple[Rule, ...] = (case_reference_in_subject,)


def _thread_ids(headers: MailHeaders) -> list[str]:
    """The Message-IDs that a mail refers to, nearest first: In-Reply-To, References from the end (RFC 5322 3.6.4)."""
    ids = [*headers.message_ids("In-Reply-To"), *reversed(headers.message_ids("References"))]
    own = headers.message_ids("Message-ID")
    return [one for one in dict.fromkeys(ids) if one not in own][:MAX_THREAD_IDS]
