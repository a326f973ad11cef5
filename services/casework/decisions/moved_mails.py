"""Moves the field values of mails when the mails are split off, merged in, or leave. Pure."""

from collections.abc import Collection

from schemas.changes import FieldsSet, FieldValue
from schemas.stored import Case
from services.casework.decisions.field_merge import described, ranked
from services.runtime.settings import Field, Process


def arrived(
    case: Case, process: Process | None, origin: Case, mails: Collection[str] | None = None
) -> FieldsSet | None:
    """The changes of `case` when `mails` of case `origin` join it, as if they were replies; None if
    there are none. Without `mails`, all of them join. Their earlier values in `case` are replaced.
    A source that counts only when a case opens fills empty fields, but replaces nothing.
    """
    coming = mails_of(origin) if mails is None else mails
    candidates = {}
    for name in sorted({*origin.candidates, *case.candidates}):
        known = [value for value in case.candidates.get(name, []) if value.by not in coming]
        new = [value for value in origin.candidates.get(name, []) if value.by in coming]
        field = process.field(name) if process is not None else None
        current = case.fields.get(name)
        if known or (current is not None and current.by not in coming):
            new = [value for value in new if not _only_opens(field, value)]
        if (merged := ranked(field, [*known, *new])) != case.candidates.get(name, []):
            candidates[name] = merged
    flags = {
        key: origin.mail_flags.get(key, [])
        for key in sorted({*origin.mail_flags, *case.mail_flags})
        if key in coming and case.mail_flags.get(key, []) != origin.mail_flags.get(key, [])
    }
    return described(case, candidates, flags)


def left(case: Case, mails: Collection[str]) -> FieldsSet | None:
    """The changes of the case when `mails` leave it; None if there are none."""
    candidates = {
        name: [value for value in those if value.by not in mails]
        for name, those in case.candidates.items()
        if any(value.by in mails for value in those)
    }
    return described(case, candidates, {key: [] for key in case.mail_flags if key in mails})


def mails_of(case: Case) -> set[str]:
    """The mails that have given the case values."""
    return {value.by for those in case.candidates.values() for value in those} | set(
        case.mail_flags
    )


def _only_opens(field: Field | None, value: FieldValue) -> bool:
    if field is None:
        return False
    source = dict(field.rules()).get(value.rule or "")
    return source is not None and source.effective_when(field.type) == "opening"
