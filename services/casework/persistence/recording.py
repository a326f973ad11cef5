"""Writes changes of cases inside the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.changes import Actor, Change, Publication, What
from schemas.stored import Case, from_document, to_document
from services.casework.records import WrittenChanges, at_revision, changed_fields
from services.casework.refusals import StaleRevisionError
from services.casework.results import no_such_case
from services.runtime.store.collection import Document, Session
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Store


async def read_case(store: Store, number: int, session: Session) -> Case:
    """The case as it is in this transaction. Raises ActionRefusedError if it does not exist."""
    found = await store.collection(Case.COLLECTION).find({"_id": number}, limit=1, session=session)
    if not found:
        raise no_such_case(number)
    return from_document(found[0], Case)


async def insert_history(store: Store, changes: Sequence[Change], session: Session) -> None:
    """Write changes, and the publication that lets any process publish their events."""
    if changes:
        await store.insert_together(history_documents(changes), session)


def history_documents(changes: Sequence[Change]) -> dict[str, list[Document]]:
    """The documents of `insert_history`, by collection."""
    if not changes:
        return {}
    publication = Publication(
        id=changes[0].id,
        changes=[change.id for change in changes],
        cases=sorted({change.case for change in changes}),
        at=changes[0].at,
    )
    return {
        Change.COLLECTION: [to_document(change) for change in changes],
        Publication.COLLECTION: [to_document(publication)],
    }


async def record_change(
    store: Store,
    number: int,
    what: What,
    actor: Actor,
    session: Session,
    *,
    added: Mapping[str, int] | None = None,
    expected: int | None = None,
) -> Sequence[Change]:
    """Record `what` as a change of case `number`, and add to its counts. Does nothing if the case
    does not exist.

    Raises StaleRevisionError if the case is not at revision `expected`, and ConflictError if
    someone else changed it at the same time.
    """
    cases = store.collection(Case.COLLECTION)
    found = await cases.find({"_id": number}, limit=1, session=session)
    if not found:
        return ()
    case, now = from_document(found[0], Case), datetime.now(UTC)
    if expected is not None and case.revision != expected:
        raise StaleRevisionError(number, expected, case.revision)
    written = WrittenChanges()
    written.add(case, [what], actor, now)
    change: dict[str, Any] = {
        "$set": changed_fields(case, written.cases[number]),
        "$max": {"updated_at": now},
    }
    if added:
        change["$inc"] = dict(added)
    if not await cases.update({"_id": number, **at_revision(case.revision)}, change, session):
        raise ConflictError(f"case {number} was changed by someone else first")
    await insert_history(store, written.changes, session)
    return written.changes
