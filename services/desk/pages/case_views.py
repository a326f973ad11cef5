"""Converts the API's structs to the structs that templates read. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

from schemas.flags import CaseFlag
from services.desk.api.cases.answer_suggestions import AnswerSuggestion
from services.desk.api.cases.answers import DraftView
from services.desk.api.cases.cases import CaseList
from services.desk.api.cases.search import SearchHit
from services.desk.api.cases.views import (
    AttachmentView,
    CaseSummary,
    CaseView,
    ChangeView,
    CommentView,
    OutgoingView,
)
from services.desk.pages.i18n.failures import Failures
from services.desk.pages.text import initials
from services.desk.pages.views.case import (
    ComposerView,
    Entry,
    FieldRow,
    FileView,
    HistoryEntry,
    OtherValue,
    Preview,
    Recipient,
    StageButton,
)
from services.desk.pages.views.lists import Assignee, CaseRow, Match, Option
from services.runtime.settings import Process

_PREVIEWS: Mapping[str, Preview] = {
    "image/png": "image",
    "image/jpeg": "image",
    "image/gif": "image",
    "image/webp": "image",
    "application/pdf": "pdf",
    "text/plain": "text",
    "text/csv": "text",
}
_GROUP = "group:"
MAX_MATCHES = 2  # of one case, after the first


def with_query(path: str, **values: str | None) -> str:
    """A path with the nonempty values as its query."""
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{path}?{query}" if query else path


def assignee(value: str | None, names: Mapping[str, str]) -> Assignee | None:
    """An assignee; `names` maps addresses to names of people."""
    if value is None:
        return None
    if value.startswith(_GROUP):
        group = value.removeprefix(_GROUP)
        return Assignee(name=group, initials=initials(group), is_group=True)
    name = names.get(value) or value
    return Assignee(name=name, initials=initials(name))


def case_row(
    case: CaseSummary, processes: Mapping[str, Process], names: Mapping[str, str]
) -> CaseRow:
    """A case in a list."""
    process = processes.get(case.process)
    return CaseRow(
        number=case.number,
        reference=case.reference,
        revision=case.revision,
        href=f"/cases/{case.number}",
        title=case.title,
        author=case.opened_by.name or case.opened_by.address,
        process_title=process.title if process else case.process,
        stage_title=case.stage_title,
        is_closed=case.status == "closed",
        is_overdue=case.overdue,
        due_at=case.due_at,
        updated_at=case.updated_at,
        assignee=assignee(case.assignee, names),
        flags=tuple(case.flags),
        comment_count=case.comment_count,
        attachment_count=case.attachment_count,
    )


def case_rows(
    found: CaseList, processes: Mapping[str, Process], names: Mapping[str, str]
) -> tuple[CaseRow, ...]:
    """The cases of a list's page."""
    return tuple(case_row(case, processes, names) for case in found.items)


def hit_rows(
    hits: Sequence[SearchHit], processes: Mapping[str, Process], names: Mapping[str, str]
) -> tuple[CaseRow, ...]:
    """Search hits as rows, one for each case, in the order of the cases' first hits."""
    by_case: dict[int, list[SearchHit]] = {}
    for hit in hits:
        by_case.setdefault(hit.case, []).append(hit)
    return tuple(_found_case(found, processes, names) for found in by_case.values())


def _found_case(
    hits: Sequence[SearchHit], processes: Mapping[str, Process], names: Mapping[str, str]
) -> CaseRow:
    """A case as a row that links to the first comment found, with links to the next ones."""
    hit = hits[0]
    process = processes.get(hit.process)
    return CaseRow(
        number=hit.case,
        reference=hit.reference,
        revision=0,
        href=_place(hit),
        title=hit.title,
        author=hit.author,
        process_title=process.title if process else hit.process,
        stage_title=hit.stage_title,
        is_closed=hit.status == "closed",
        is_overdue=hit.overdue,
        due_at=hit.due_at,
        updated_at=hit.updated_at,
        assignee=assignee(hit.assignee, names),
        snippet=hit.snippet if hit.snippet != hit.title else "",
        matches=tuple(
            Match(href=_place(other), author=other.author, snippet=other.snippet)
            for other in hits[1 : 1 + MAX_MATCHES]
        ),
        more_matches=len(hits[1 + MAX_MATCHES :]),
    )


def _place(hit: SearchHit) -> str:
    """The path of the comment that was found, or of its case."""
    return f"/cases/{hit.case}" + (f"#c-{quote(hit.comment)}" if hit.comment else "")


def file_view(case: int, file: AttachmentView) -> FileView:
    """An attachment with its URLs on our own pages."""
    place = f"/cases/{case}/attachments/{file.sha256}"
    preview = _PREVIEWS.get(file.content_type.partition(";")[0].strip().lower(), "")
    return FileView(
        name=file.name,
        content_type=file.content_type,
        size=file.size,
        href=place,
        flags=tuple(file.flags),
        preview=preview,
        preview_href=f"{place}?inline=true",
    )


def entry(
    case: int,
    comment: CommentView,
    seen_until: datetime | None = None,
    *,
    can_split: bool = False,
) -> Entry:
    """A comment; new if it came after `seen_until`."""
    place = f"/cases/{case}/comments/{quote(comment.id, safe='')}"
    return Entry(
        id=comment.id,
        kind=comment.kind,
        author=comment.author.name,
        address=comment.author.address,
        at=comment.at,
        text=comment.text,
        quoted=quoted_rest(comment.text, comment.full_text),
        quoted_lines=quoted_lines(comment.text, comment.full_text),
        subject=comment.subject,
        files=tuple(file_view(case, file) for file in comment.attachments if not file.inline),
        flags=tuple(comment.flags),
        failure=comment.failure,
        mail_href=f"{place}/mail" if comment.html_url else None,
        remote_images=comment.remote_images,
        original_href=f"{place}/original" if comment.original_url else None,
        split_href=f"/cases/{case}/splits" if can_split else None,
        is_new=seen_until is not None and comment.at > seen_until,
    )


def waiting_id(mail: OutgoingView) -> str:
    """The id of the entry of a mail that is not sent yet."""
    return f"out-{quote(mail.id.removeprefix('answer '), safe='')}"


def waiting_entry(case: int, mail: OutgoingView, now: datetime) -> Entry:
    """A mail that is not sent yet. An answer that is still held can be recalled."""
    is_held = mail.kind == "answer" and mail.state == "pending" and mail.due_at > now
    answer_id = mail.id.removeprefix("answer ")
    return Entry(
        id=waiting_id(mail),
        kind="waiting",
        author="",
        address=", ".join(mail.to),
        at=mail.created_at,
        text=mail.text or "",
        subject=mail.subject or "",
        to=tuple(mail.to),
        cc=tuple(mail.cc),
        failure=mail.failure,
        leaves_at=mail.due_at if is_held else None,
        recall_href=f"/cases/{case}/answers/{quote(answer_id, safe='')}/recall"
        if is_held
        else None,
    )


def quoted_rest(text: str, full_text: str) -> str:
    """The text of a mail other than its author's own new text, usually the quoted mail."""
    full, own = full_text.strip(), text.strip()
    if not own or full == own:
        return "" if full == own else full
    if full.startswith(own):
        return full[len(own) :].strip("\n")
    if full.endswith(own):
        return full[: -len(own)].strip("\n")
    return full


def quoted_lines(text: str, full_text: str) -> int:
    """How many lines of a mail, without blank ones, are not its author's own new text.

    At least one, because it is shown only if something was cut.
    """
    own, full = (sum(map(bool, map(str.strip, part.splitlines()))) for part in (text, full_text))
    return max(full - own, 1)


def stage_buttons(case: CaseView, failures: Failures) -> tuple[StageButton, ...]:
    """The stages to move to, with the reason when one is not possible now."""
    return tuple(
        StageButton(
            name=stage.name,
            title=stage.title,
            refusal=failures.refusal(stage.reason, stage.facts, stage.refusal) or None,
        )
        for stage in case.stages
    )


def field_rows(case: CaseView, process: Process | None) -> tuple[FieldRow, ...]:
    """The declared fields in their order, then the values of fields that the settings no longer
    have.
    """
    declared = {field.name: field for field in process.fields} if process else {}
    is_flagged = CaseFlag.FIELD_CONFLICT in case.flags
    rows = []
    for name in dict.fromkeys((*declared, *case.fields)):
        field, value = declared.get(name), case.fields.get(name)
        rows.append(
            FieldRow(
                name=name,
                title=field.title if field and field.title else name,
                kind=field.type if field else "text",
                value=value.value if value else None,
                source=value.source if value else "",
                evidence=value.evidence if value else "",
                by=value.by if value else "",
                at=value.at if value else None,
                has_conflict=bool(value and value.others) and is_flagged,
                others=tuple(
                    OtherValue(
                        value=other.value,
                        source=other.source,
                        evidence=other.evidence,
                        at=other.at,
                        href=f"#c-{quote(other.by)}",
                    )
                    for other in (value.others if value else ())
                ),
                choices=tuple(
                    Option(
                        value=choice,
                        title=choice,
                        is_chosen=value is not None and value.value == choice,
                    )
                    for choice in (field.choices if field else ())
                ),
            )
        )
    return tuple(rows)


def history_entry(
    change: ChangeView, process: Process | None, names: Mapping[str, str]
) -> HistoryEntry:
    """A change with its values for people."""
    details = {
        name: _shown(name, value, process, names)
        for name, value in change.details.items()
        if value is not None and not isinstance(value, dict)
    }
    values = change.details.get("values")
    if isinstance(values, dict):
        details["names"] = ", ".join(values)
    actor = change.actor.name or names.get(change.actor.id, "")
    is_mail = change.actor.kind == "mail"
    return HistoryEntry(
        revision=change.revision,
        at=change.at,
        actor=actor or ("✉" if is_mail else change.actor.id),
        what=change.what,
        details=details,
    )


def _shown(name: str, value: object, process: Process | None, names: Mapping[str, str]) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value[:10])
    text = str(value)
    if name in {"from_stage", "to_stage"} and process and (stage := process.stage(text)):
        return stage.title
    return names.get(text, text)


def composer_view(
    number: int,
    suggestion: AnswerSuggestion,
    draft: DraftView | None,
    names: Iterable[str] = (),
) -> ComposerView:
    """The answer form as suggested, or as the draft has it."""
    drafted_to = {address.casefold() for address in draft.to} if draft else set()
    drafted_cc = {address.casefold() for address in draft.cc} if draft else set()
    found = []
    for each in suggestion.recipients:
        key = each.address.casefold()
        is_drafted = key in drafted_to or key in drafted_cc
        found.append(
            Recipient(
                address=each.address,
                name=each.name,
                reason=each.reason,
                is_chosen=each.usable and (is_drafted if draft else each.chosen),
                is_copy=key in drafted_cc if is_drafted else each.copy,
                is_outside=each.outside,
                is_usable=each.usable,
            )
        )
    known = {each.address.casefold() for each in found}
    added = [address for address in draft.to if address.casefold() not in known] if draft else []
    return ComposerView(
        case=number,
        revision=suggestion.revision,
        recipients=tuple(found),
        subject=(draft.subject if draft and draft.subject else suggestion.subject),
        text=draft.text if draft else "",
        quote=draft.quote if draft else True,
        quoted=suggestion.quoted,
        hold_s=round(suggestion.hold_s),
        draft_at=draft.at if draft else None,
        upload_ids=tuple(draft.uploads) if draft else (),
        added=", ".join([*added, *names]),
        snippets=tuple(
            Option(value=snippet.text, title=snippet.title) for snippet in suggestion.snippets
        ),
    )
