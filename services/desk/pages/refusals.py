"""What a refused form contained, and which of its fields is wrong. Pure."""

from collections.abc import Mapping, Sequence

from starlette.datastructures import FormData, UploadFile

from services.desk.http.problems import Problem, ProblemError
from services.desk.pages.i18n import Catalog
from services.desk.pages.views.page import Message, Refusal
from services.desk.pages.views.people import KeptField, KeptForm
from services.runtime.settings import Settings

FIELD = "field."
UPLOAD = "upload"
_FILE = "file"  # a field without a text
_SECRET = frozenset({"password", "current", "repeat"})  # never in a response
_TICKS = frozenset({"case", "mail", "letter"})  # what someone chose for a bulk action
# The first of these names that the form has.
_FIELDS_OF_REASONS: Mapping[str, Sequence[str]] = {
    "empty-note": ("text",),
    "file-too-large": (_FILE,),
    "invalid-address": ("address",),
    "invalid-assignee": ("to",),
    "invalid-group": ("groups",),
    "invalid-name": ("name",),
    "invalid-title": ("title",),
    "invalid-url": ("url",),
    "no-case-number": ("target", "number"),
    "no-recipient": ("added",),
    "no-such-case": ("target", "number"),
    "no-such-upload": (_FILE,),
    "no-time": ("due_at",),
    "note-too-long": ("text",),
    "same-case": ("target",),
    "text-too-long": ("text",),
    "too-many-recipients": ("added",),
    "too-many-uploads": (_FILE,),
    "unusable-address": ("added",),
    "user-exists": ("address",),
}
# Fields of requests and of forms have the same names, except for these.
_FORM_NAMES: Mapping[str, str] = {
    "case": "number",
    "cc": "added",
    "events": "event",
    "into": "target",
    "scopes": "scope",
    "to": "added",
}
_REASONS_OF_FIELDS: Mapping[str, str] = {
    "address": "invalid-address",
    "groups": "invalid-group",
    "name": "invalid-name",
    "scope": "invalid-scope",
    "text": "text-too-long",
    "title": "invalid-title",
    "url": "invalid-url",
}


class PartlyRefusedError(ProblemError):
    """Of the things that a form is about, some were refused. `left` are their values of the field
    `field`, and `message` is for the reader.
    """

    def __init__(self, field: str, left: Sequence[str], message: Message) -> None:
        super().__init__(409, "partly-refused", message.text)
        self.field = field
        self.left = left
        self.message = message


def with_stored(form: FormData, stored: Mapping[str, UploadFile]) -> FormData:
    """The form with the files that became uploads as such: a browser sends no file twice."""
    files = list(stored.values())
    left = [item for item in form.multi_items() if item[1] not in files]
    return FormData([*left, *((UPLOAD, upload) for upload in stored)])


def with_left(form: FormData, error: PartlyRefusedError) -> FormData:
    """The form with only what was refused still chosen."""
    others = [item for item in form.multi_items() if item[0] != error.field]
    return FormData([*others, *((error.field, value) for value in error.left)])


def entered(form: FormData) -> dict[str, list[str]]:
    """The texts of a form by name; without passwords and files."""
    values: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str) and name not in _SECRET:
            values.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return values


def wrong_field(problem: Problem, values: Mapping[str, Sequence[str]], settings: Settings) -> str:
    """The name of the field that a problem is about; empty for the whole form."""
    for name in _FIELDS_OF_REASONS.get(problem.reason, ()):
        if name in values or name == _FILE:
            return name
    if problem.reason == "invalid-value":
        return _case_field(problem.facts.get("field", ""), values, settings)
    for error in problem.errors:
        name = error.pointer.strip("/").partition("/")[0]
        for known in (name, _FORM_NAMES.get(name, "")):
            # A checkbox that nobody ticked is not in the form.
            if known and (known in values or known in {"scope", "event"}):
                return known
    return ""


def _case_field(title: str, values: Mapping[str, Sequence[str]], settings: Settings) -> str:
    for process in settings.processes.values():
        for field in process.fields:
            if (field.title or field.name) == title and f"{FIELD}{field.name}" in values:
                return f"{FIELD}{field.name}"
    return ""


def why(problem: Problem, field: str, t: Catalog) -> str:
    """Why a form was refused, in the reader's language."""
    if problem.reason == "stale-revision":
        return t.errors.texts[problem.status]
    is_general = problem.reason == "invalid-request"
    reason = _REASONS_OF_FIELDS.get(field, problem.reason) if is_general else problem.reason
    return t.failures.refusal(reason, problem.facts, problem.detail)


def kept_form(action: str, form: FormData, t: Catalog, settings: Settings) -> KeptForm | None:
    """The form to show again, apart from its page; None if it has no text that someone typed, and
    nothing that they ticked.
    """
    labels = _labels(action, t)
    titles = {
        f"{FIELD}{field.name}": field.title or field.name
        for process in settings.processes.values()
        for field in process.fields
    }
    fields = tuple(
        KeptField(name=name, value=value, label=labels.get(name) or titles.get(name, ""))
        for name, values in entered(form).items()
        for value in values
    )
    files = [
        value.filename
        for value in form.values()
        if isinstance(value, UploadFile) and value.filename
    ]
    uploads = sum(field.name == UPLOAD for field in fields)
    ticks = sum(field.name in _TICKS for field in fields)
    has_text = any(field.label and field.value.strip() for field in fields)
    is_entered = bool(files or uploads or has_text)
    if not (is_entered or ticks):
        return None
    return KeptForm(
        action=action,
        fields=fields,
        files=tuple(files),
        uploads=uploads,
        ticks=ticks,
        is_entered=is_entered,
    )


def _labels(action: str, t: Catalog) -> Mapping[str, str]:
    return {
        "added": t.compose.add,
        "address": t.people.address,
        "due_at": t.case.due,
        "groups": t.people.groups,
        "name": t.list.view_name if action == "/views" else t.people.name,
        "number": t.parked.case_number,
        "subject": t.compose.subject,
        "target": t.case.merge_target,
        "text": t.compose.text,
        "title": t.case.title,
        "url": t.people.url,
        "why": t.parked.discard_why,
    }


def partial_refusal(action: str, form: FormData, error: PartlyRefusedError) -> Refusal:
    """The refusal of a form for its page, with only what was refused still chosen."""
    values = entered(with_left(form, error))
    return Refusal(action=action, values=values, why=error.message.text)


def refusal(
    action: str, form: FormData, problem: Problem, t: Catalog, settings: Settings
) -> Refusal:
    """The refusal of a form, for the page that the form is on."""
    values = entered(form)
    field = wrong_field(problem, values, settings)
    return Refusal(action=action, values=values, why=why(problem, field, t), field=field)
