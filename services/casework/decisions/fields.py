"""Sets the declared fields of a case. Pure."""

from collections.abc import Collection

from schemas.changes import FieldsSet, FieldValue
from schemas.flags import CaseFlag
from services.casework import actions
from services.casework.decisions.situation import Accepted, Situation, known_process, one_change
from services.casework.field_values import InvalidFieldError, normal_form
from services.casework.refusals import ActionRefusedError
from services.runtime.settings import Field, Process


def set_fields(action: actions.SetFields, situation: Situation) -> Accepted:
    case, process = situation.case, known_process(situation)
    values: dict[str, FieldValue | None] = {}
    for name, text in action.fields.items():
        declared = process.field(name)
        if text is None:
            values[name] = None
        elif declared is None:
            names = ", ".join(known.name for known in process.fields) or "none"
            problem = f"process {process.name} has no field {name!r}"
            raise ActionRefusedError("no-such-field", problem, f"its fields are: {names}")
        else:
            values[name] = _typed_in(declared, text, situation)
    changed = {
        name: value for name, value in values.items() if _differs(value, case.fields.get(name))
    }
    if not changed:
        raise ActionRefusedError(
            "already-there", "the fields have these values already", "nothing needs to be done"
        )
    was = {name: case.fields[name] for name in changed if name in case.fields}
    flags = [flag for flag in case.flags if flag not in _flags_resolved_by(changed, process)]
    return one_change(
        case, FieldsSet(values=changed, was=was, flags=flags if flags != case.flags else None)
    )


def _flags_resolved_by(changed: Collection[str], process: Process) -> set[str]:
    """The flags that are removed when a person sets values: setting an account accepts it."""
    types = {field.type for field in process.fields if field.name in changed}
    accounts = {CaseFlag.ACCOUNT_CHANGED.value} if "iban" in types else set()
    return {CaseFlag.FIELD_CONFLICT.value, CaseFlag.AMBIGUOUS_VALUE.value} | accounts


def _typed_in(declared: Field, text: str | bool, situation: Situation) -> FieldValue:
    try:
        value = normal_form(declared, text)
    except InvalidFieldError as error:
        raise ActionRefusedError(
            "invalid-value",
            f"{declared.name}: {error}",
            error.hint,
            field=declared.title or declared.name,
            type=declared.type,
            names=", ".join(declared.choices),
        ) from error
    return FieldValue(
        value=value, source="person", evidence="", by=situation.acting.actor.id, at=situation.now
    )


def _differs(value: FieldValue | None, before: FieldValue | None) -> bool:
    if value is None or before is None:
        return value is not before
    return value.value != before.value or before.source != "person"
