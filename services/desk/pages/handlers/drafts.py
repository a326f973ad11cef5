"""The draft behind a form for answers or notes: what someone wrote is never lost, in whichever of
their windows they wrote it.
"""

import re
from dataclasses import dataclass
from typing import Any

from services.desk.access import Permission
from services.desk.api.cases.answers import DraftList, DraftView
from services.desk.composing.drafts import new_editor
from services.desk.http.problems import ProblemError
from services.desk.pages.visit import Visit
from services.runtime.mail.file_names import safe_name

MAX_FILE_BYTES = 25_000_000
MAX_ATTEMPTS = 5
_REVISION = re.compile(r"\d{1,15}", re.ASCII)
_SEPARATORS = re.compile(r"[,;\s]+")


@dataclass(frozen=True)
class Submitted:
    """A form as the draft that it became. `is_joined` is set if another window changed the draft
    meanwhile: the text of that one follows below, and its files are added.
    """

    draft: DraftView
    is_joined: bool = False


async def draft_of(visit: Visit, kind: str) -> DraftView | None:
    """The reader's draft in the case; None without one."""
    drafts: DraftList = (await visit.api("list_drafts")).body
    return next((draft for draft in drafts.items if draft.kind == kind), None)


def refused_draft(visit: Visit, kind: str) -> DraftView | None:
    """What a refused form contained, as if it was saved; None if the page answers no such form, or
    one that could not be read.
    """
    refusal = visit.refusal
    if refusal is None or not refusal.values or not refusal.action.endswith(f"/{kind}s"):
        return None
    values = refusal.values

    def first(name: str) -> str:
        return next(iter(values.get(name, ())), "")

    revision = first("revision")
    return DraftView(
        kind=kind,
        text=first("text"),
        at=visit.desk.clock(),
        revision=int(revision) if _REVISION.fullmatch(revision) else 0,
        is_stale=False,
        to=[*values.get("to", ()), *addresses(first("added"))],
        cc=list(values.get("cc", ())),
        subject=first("subject"),
        quote="quote" in values,
        uploads=list(values.get("upload", ())),
        editor=first("replaces"),
    )


async def form_names(visit: Visit, kind: str, draft: DraftView | None) -> dict[str, str]:
    """`editor` and `replaces` of a new form that shows `draft`, or of the refused one."""
    if visit.refusal is not None and visit.refusal.values:
        posted = visit.refusal.values
        return {
            "editor": next(iter(posted.get("editor", ())), "") or new_editor(),
            "replaces": next(iter(posted.get("replaces", ())), ""),
        }
    replaces = draft.editor if draft else ""
    if draft is None:
        number = int(visit.request.path_params["number"])
        latest = await visit.desk.drafts.latest(number, kind, visit.principal.id)
        if latest is not None and latest.removed_until is not None:
            replaces = latest.editor or ""
    return {"editor": new_editor(), "replaces": replaces}


async def save_form(visit: Visit, kind: str) -> DraftView:
    """The form as a draft, files included. Raises ProblemError, 409 if the draft was changed
    elsewhere.
    """
    return await _save(visit, kind, await _body(visit))


async def submit_form(visit: Visit, kind: str) -> Submitted:
    """As `save_form`; what was changed elsewhere follows below the text. Raises ProblemError."""
    body = await _body(visit)
    is_joined = False
    for _ in range(MAX_ATTEMPTS):
        try:
            return Submitted(await _save(visit, kind, body), is_joined)
        except ProblemError as error:
            if error.problem.reason != "draft-changed":
                raise
        number = int(visit.request.path_params["number"])
        other = await visit.desk.drafts.latest(number, kind, visit.principal.id)
        if other is None:
            continue
        joined = joined_text(body["text"], other.text)
        uploads = list(dict.fromkeys([*body["uploads"], *other.uploads]))
        is_joined = is_joined or (joined, uploads) != (body["text"], body["uploads"])
        body |= {"text": joined, "uploads": uploads, "replaces": other.editor or ""}
    raise ProblemError(409, "draft-changed", "the draft was changed at the same time; try again")


def joined_text(first: str, second: str) -> str:
    """Both texts, or the one that begins with the other in whole lines."""
    if _begins_with(first, second.rstrip()):
        return first
    if _begins_with(second, first.rstrip()):
        return second
    return f"{first.rstrip()}\n\n{second}"


def _begins_with(text: str, beginning: str) -> bool:
    rest = text.removeprefix(beginning).lstrip(" \t")
    return not beginning or (text.startswith(beginning) and rest[:1] in ("", "\n"))


async def remove_draft(visit: Visit, kind: str) -> bool:
    """Remove the draft of the form; False if another window changed it."""
    number = int(visit.request.path_params["number"])
    await visit.api("list_drafts")  # refuses a case that the reader may not see
    owner = visit.principal.id
    editors = (visit.text("editor"), visit.text("replaces"))
    return (
        await visit.desk.drafts.remove(number, kind, owner, editors)
        or await draft_of(visit, kind) is None
    )


async def _save(visit: Visit, kind: str, body: dict[str, Any]) -> DraftView:
    number = visit.request.path_params["number"]
    reply = await visit.api("save_draft", body=body, path={"number": number, "kind": kind})
    saved: DraftView = reply.body
    return saved


async def _body(visit: Visit) -> dict[str, Any]:
    uploads = [*visit.texts("upload"), *await _added_files(visit)]
    return {
        "text": visit.text("text"),
        "revision": visit.revision,
        "to": list(dict.fromkeys([*visit.texts("to"), *addresses(visit.text("added"))])),
        "cc": visit.texts("cc"),
        "subject": visit.text("subject") or None,
        "quote": visit.text("quote") == "true",
        "uploads": list(dict.fromkeys(uploads)),
        "editor": visit.text("editor") or None,
        "replaces": visit.text("replaces"),
    }


def addresses(text: str) -> list[str]:
    """The addresses that someone typed, with any separators."""
    return [part for part in _SEPARATORS.split(text) if part]


async def _added_files(visit: Visit) -> list[str]:
    """The files of a form that was sent without JavaScript, as uploads. They outlive a refusal of
    the form. Raises ProblemError.
    """
    files = visit.files("file")
    if not files:
        return []
    number = int(visit.request.path_params["number"])
    case = await visit.desk.visible_case(visit.principal, number, Permission.WORK)
    too_large = []
    for file in files:
        content = await file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            too_large.append(file.filename or "")
            continue
        kept = await visit.desk.uploads.add(
            visit.principal.id,
            case.number,
            safe_name(file.filename or "file"),
            file.content_type or "application/octet-stream",
            content,
            user=visit.principal.account,
        )
        visit.stored[kept.id] = file
    if too_large:
        names = ", ".join(too_large)
        raise ProblemError(
            413, "file-too-large", f"larger than 25 MB: {names}", facts={"names": names}
        )
    return list(visit.stored)
