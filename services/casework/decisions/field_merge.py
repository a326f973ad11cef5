"""Merges the values of a mail into the fields of its case. Pure.

A mail describes its case; it never moves, assigns or closes it. A person's value is never replaced.
The same mails give the same fields, in whatever order and however often they are read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.changes import FieldsSet, FieldValue
from schemas.fields import FieldsRead, ReadValue
from schemas.flags import CaseFlag
from schemas.stored import Case
from services.casework.decisions.invoice_keys import are_corrections
from services.runtime.settings import Field, FieldSource, Process

PERSON = "person"
MAX_CANDIDATES = (
    20  # if more mails have a value for a field, the case keeps those with the highest precedence
)
MAX_FLAGS = 50
MAX_FLAGGING_MAILS = 200  # mails of one case whose flags are stored by mail


@dataclass(frozen=True)
class MailFacts:
    """The facts that decide whether a mail may set fields.

    `at` is the time of the mail's comment. `is_stranger` is true if its author did not take part in
    the case when it came. `answers` is true if the mail refers to a Message-ID that only
    participants of the case have: an id that we signed for it, or that of the mail that opened it.
    `authentication` is the receiving server's verdict on the author, empty if there is none.
    """

    key: str
    at: datetime
    author: str
    is_opening: bool
    is_stranger: bool = False
    answers: bool = False
    authentication: str = ""


def may_describe(facts: MailFacts) -> bool:
    """Whether the mail provably comes from a participant of the case.

    Anyone can write a participant's address as From. So a reply counts only if the receiving server
    authenticated it, or if it answers a mail that outsiders do not have.
    """
    if facts.is_opening:
        return True
    proven = facts.authentication == "pass" or (facts.answers and facts.authentication != "fail")
    return proven and not facts.is_stranger


def may_set(field: Field, source: FieldSource, facts: MailFacts) -> bool:
    """Whether the mail passes `when` and `who` of the source."""
    when = source.effective_when(field.type)
    if when != "both" and (when == "opening") != facts.is_opening:
        return False
    match source.who:
        case "anyone":
            return True
        case "participants":
            return may_describe(facts)
        case "authenticated":
            return facts.authentication == "pass" and not facts.is_stranger
        case "listed":
            return facts.authentication == "pass" and _is_listed(facts.author, source.listed)


def merge(case: Case, process: Process, read: FieldsRead, facts: MailFacts) -> FieldsSet | None:
    """The changes of the mail to the fields and flags of its case; None if there are none."""
    said = _permitted(process, read, facts)
    candidates = {
        name: merged
        for name in sorted({*said, *_said_before(case, facts.key)})
        if (merged := _candidates(case, process.field(name), name, said.get(name), read))
        != case.candidates.get(name, [])
    }
    mail_flags = _flags_of_mail(case, read)
    return described(case, candidates, {facts.key: mail_flags} if mail_flags is not None else {})


def described(
    case: Case, candidates: dict[str, list[FieldValue]], mail_flags: dict[str, list[str]]
) -> FieldsSet | None:
    """The changes of the case if its mails have these values; None if there are none."""
    values: dict[str, FieldValue | None] = {}
    for name, those in candidates.items():
        current, best = case.fields.get(name), those[0] if those else None
        is_person = current is not None and current.source == PERSON
        if best != current and not is_person:
            values[name] = best
    flags = _flags(case, candidates, mail_flags)
    if not candidates and not mail_flags and flags is None:
        return None
    was = {name: case.fields[name] for name in values if name in case.fields}
    return FieldsSet(
        values=values, was=was, flags=flags, candidates=candidates, mail_flags=mail_flags
    )


def _permitted(process: Process, read: FieldsRead, facts: MailFacts) -> dict[str, FieldValue]:
    """The values that the mail may set, by field."""
    replaces_none = not facts.is_opening and are_corrections(read)
    found: dict[str, FieldValue] = {}
    for value in read.values:
        field = process.field(value.field)
        source = dict(field.rules()).get(value.rule) if field is not None else None
        if field is None or field.name in found or source is None:
            continue
        if not may_set(field, source, facts):
            continue
        if replaces_none and source.source == "invoice":
            continue  # a correction refers to the case's invoice and does not replace it
        found[field.name] = _as_stored(value, facts)
    return found


def _as_stored(value: ReadValue, facts: MailFacts) -> FieldValue:
    return FieldValue(
        value=value.value,
        source=value.source,
        evidence=value.evidence,
        by=facts.key,
        at=facts.at,
        rule=value.rule,
    )


def _said_before(case: Case, key: str) -> list[str]:
    return [
        name for name, those in case.candidates.items() if any(claim.by == key for claim in those)
    ]


def _candidates(
    case: Case, field: Field | None, name: str, value: FieldValue | None, read: FieldsRead
) -> list[FieldValue]:
    """The values of a field by mail, in order of precedence, with those of this mail replaced. If
    the reading was cut short, a value that is missing now is kept.
    """
    known = case.candidates.get(name, [])
    if value is None and not read.complete:
        return known
    others = [candidate for candidate in known if candidate.by != read.mail_key]
    return ranked(field, [*others, *([value] if value is not None else [])])


def ranked(field: Field | None, those: Sequence[FieldValue]) -> list[FieldValue]:
    """The values by precedence of their sources. Within a source, the first invoice comes first,
    and for other sources the latest mail.
    """
    hashes = [rule for rule, _ in field.rules()] if field is not None else []
    ranks: Mapping[str | None, int] = {rule: rank for rank, rule in enumerate(hashes)}

    def order(candidate: FieldValue) -> tuple[int, float, str]:
        age = candidate.at.timestamp()
        rank = ranks.get(candidate.rule, len(hashes))
        return rank, age if candidate.source == "invoice" else -age, candidate.by

    return sorted(those, key=order)[:MAX_CANDIDATES]


def _is_contradicted(those: Sequence[FieldValue]) -> bool:
    """Whether another mail's invoice has another value: a second invoice never replaces the
    first.
    """
    best = those[0] if those else None
    return (
        best is not None
        and best.source == "invoice"
        and any(other.source == "invoice" and other.value != best.value for other in those)
    )


def _flags_of_mail(case: Case, read: FieldsRead) -> list[str] | None:
    """The flags that the mail now gives the case; None if they do not change.

    If the reading was cut short, earlier flags may still be right.
    """
    known = case.mail_flags.get(read.mail_key, [])
    if not known and len(case.mail_flags) >= MAX_FLAGGING_MAILS:
        return None
    kept = [] if read.complete else known
    now = list(dict.fromkeys([*kept, *read.flags]))
    return None if now == known else now


def _flags(
    case: Case, candidates: Mapping[str, list[FieldValue]], mail_flags: Mapping[str, list[str]]
) -> list[str] | None:
    """The new flags; None if they do not change. A flag that no mail gives anymore is removed. If a
    mail gave a flag before and the case no longer has it, a person removed it, and it is not set
    again.
    """
    before = {flag for those in case.mail_flags.values() for flag in those}
    now = {key: those for key, those in {**case.mail_flags, **mail_flags}.items() if those}
    after = {flag for those in now.values() for flag in those}
    new = [
        flag
        for key, those in mail_flags.items()
        for flag in those
        if flag not in case.mail_flags.get(key, [])
    ]
    gone, conflict = before - after, CaseFlag.FIELD_CONFLICT.value
    if any(_is_in_conflict(case, name, those) for name, those in candidates.items()):
        new.append(conflict)
    elif not any(
        _is_in_conflict(case, name, those)
        for name, those in {**case.candidates, **candidates}.items()
    ):
        gone = gone | {conflict}
    added = [flag for flag in dict.fromkeys(new) if flag not in case.flags]
    flags = [*(flag for flag in case.flags if flag not in gone), *added][:MAX_FLAGS]
    return None if flags == case.flags else flags


def _is_in_conflict(case: Case, name: str, those: Sequence[FieldValue]) -> bool:
    """Whether a mail contradicts a person, or another mail's invoice."""
    current = case.fields.get(name)
    if current is not None and current.source == PERSON:
        return bool(those) and those[0].value != current.value
    return _is_contradicted(those)


def with_flags(case: Case, wanted: Sequence[str]) -> list[str] | None:
    """The flags of the case with these added; None if it has them all."""
    new = [flag for flag in dict.fromkeys(wanted) if flag not in case.flags]
    return [*case.flags, *new][:MAX_FLAGS] if new else None


def _is_listed(author: str, listed: Sequence[str]) -> bool:
    address = author.lower()
    domain = f"@{address.rpartition('@')[2]}"
    return bool(address) and any(entry.lower() in {address, domain} for entry in listed)
