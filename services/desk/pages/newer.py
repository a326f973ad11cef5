"""Finds what was written to a case since someone began to write there."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from msgspec import structs

from services.casework.conversation import in_conversation_order
from services.desk.api.cases.answers import AnswerList
from services.desk.api.cases.cases import History
from services.desk.api.cases.views import comment_view
from services.desk.pages.case_views import entry, waiting_entry
from services.desk.pages.views.case import Entry
from services.desk.pages.visit import Visit

MAX_CHANGES = 200  # a page of the history
MAX_PAGES = 10
MAX_COMMENTS = 200


@dataclass(frozen=True)
class Newer:
    """The entries that came later, oldest first. `revision` is the revision up to which they are
    complete; it is below the case's own if there are more entries than fit.
    """

    entries: tuple[Entry, ...]
    revision: int


async def newer_entries(visit: Visit, number: int, seen: int, current: int) -> Newer:
    """The comments that the changes after revision `seen` brought, as far as they fit on a page,
    and the answers that wait since then; `current` is the revision of the case that the page shows.
    """
    found: dict[str, None] = {}
    answered: dict[str, str] = {}
    known = seen
    for _ in range(MAX_PAGES):
        query = {"after": known, "limit": MAX_CHANGES}
        history: History = (await visit.api("show_history", query=query)).body
        for change in history.items:
            known = change.revision
            if comment := change.details.get("comment"):
                found[comment] = None
            elif change.what == "answered":
                answered[change.details["outgoing"]] = change.actor.name or change.actor.id
            if len(found) == MAX_COMMENTS:
                break
        if len(found) == MAX_COMMENTS:
            break
        if not history.has_more:
            known = current
            break
    comments = await visit.desk.reader.comments(
        number, [{"_id": {"$in": list(found)}}], limit=MAX_COMMENTS
    )
    entries = tuple(
        entry(number, comment_view(comment)) for comment in in_conversation_order(comments)
    )
    return Newer(entries + await _waiting(visit, number, answered), min(known, current))


async def has_note(visit: Visit, number: int, seen: int, text: str, files: Collection[str]) -> bool:
    """Whether the reader added a note with that text and `files`, given by SHA-256, in the changes
    after revision `seen`.
    """
    query = {"after": seen, "limit": MAX_CHANGES}
    history: History = (await visit.api("show_history", query=query)).body
    own = visit.principal.acting.actor.id
    noted = [
        change.details["comment"]
        for change in history.items
        if change.what == "noted" and change.actor.id == own
    ]
    comments = await visit.desk.reader.comments(
        number, [{"_id": {"$in": noted}}], limit=MAX_COMMENTS
    )
    return any(
        comment.text == text and {file.sha256 for file in comment.attachments}.issuperset(files)
        for comment in comments
    )


async def _waiting(visit: Visit, number: int, authors: Mapping[str, str]) -> tuple[Entry, ...]:
    """Those of the answers by `authors` that are still on their way; the others are comments, or
    were taken back. The page of the case takes them back: a form cannot hold another.
    """
    if not authors:
        return ()
    waiting: AnswerList = (await visit.api("list_answers")).body
    now = visit.desk.clock()
    return tuple(
        structs.replace(
            waiting_entry(number, mail, now),
            author=authors[mail.id],
            leaves_at=None,
            recall_href=None,
        )
        for mail in waiting.items
        if mail.id in authors
    )
