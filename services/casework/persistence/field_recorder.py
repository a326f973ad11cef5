"""Records the fields read from a mail in its case, with flags and links, in one short
transaction.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from msgspec import structs

from schemas.changes import Actor, Change, FieldsSet
from schemas.fields import FieldsRead
from schemas.flags import CaseFlag
from schemas.stored import Case
from services.casework.decisions.field_merge import may_describe, merge, with_flags
from services.casework.decisions.invoice_keys import are_corrections
from services.casework.decisions.moved_mails import arrived
from services.casework.persistence.case_links import DUPLICATE, CaseLinks
from services.casework.persistence.field_links import FieldLinks
from services.casework.persistence.mail_facts import MailPlace, mail_place
from services.casework.persistence.recording import insert_history, read_case
from services.casework.persistence.unique_values import UniqueValues
from services.casework.records import WrittenChanges, at_revision, changed_fields
from services.runtime.settings import Process
from services.runtime.store.collection import Session
from services.runtime.store.errors import ConflictError
from services.runtime.store.mongo import Store


@dataclass(frozen=True)
class Recorded:
    """The result of recording. `case` is None if the mail is in no case; `written` are the new
    changes.

    `is_conflict` is true if the case was flagged with a conflict; `duplicates` counts new links to
    duplicates.
    """

    case: Case | None
    written: Sequence[Change] = ()
    is_conflict: bool = False
    duplicates: int = 0


class FieldRecorder:
    """Records fields. Methods raise TransientError, among them ConflictError if another writer was
    first.
    """

    def __init__(
        self,
        store: Store,
        processes: Mapping[str, Process],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._processes = processes
        self._clock = clock
        self._cases = store.collection(Case.COLLECTION)

    async def record(self, read: FieldsRead) -> Recorded:
        """Record what was read from the mail in its case. Recording the same again changes
        nothing.
        """
        return await self._store.transaction(partial(self._record, read))

    async def preview(self, read: FieldsRead) -> tuple[Case, FieldsSet | None] | None:
        """The case, and what `record` would change in its fields; None if the mail is in no
        case.
        """

        async def body(session: Session) -> tuple[Case, FieldsSet | None] | None:
            place = await mail_place(self._store, self._processes, read.mail_key, session)
            if place is None:
                return None
            return place.case, merge(place.case, place.process, read, place.facts)

        return await self._store.transaction(body)

    async def _record(self, read: FieldsRead, session: Session) -> Recorded:
        place = await mail_place(self._store, self._processes, read.mail_key, session)
        if place is None:
            return Recorded(None)
        case, now, written = place.case, self._clock(), WrittenChanges()
        what = merge(case, place.process, read, place.facts)
        links = CaseLinks(self._store, session, written, now, read.mail_key)
        found = FieldLinks(self._store, links, case)
        unique = UniqueValues(self._store, session, self._processes)
        if may_describe(place.facts):
            what = await self._compare(found, place, what, read)
            if place.facts.is_opening and are_corrections(read):
                await unique.remember_correction(case.number)
        actor = Actor(kind="mail", id=read.mail_key)
        if what is not None:
            written.add(case, [what], actor, now, mail_key=read.mail_key)
            await self._tell_target(written, case.number, read.mail_key, session)
        holder = await links.case(await links.standing(case.number)) or case
        duplicates = 0
        for (other, kind), by in found.found.items():
            duplicates += await links.add(holder, other, kind, by) and kind == DUPLICATE
        duplicates += await unique.follow(links)
        await self._save(written, now, session)
        after = written.cases.get(case.number, case)
        conflict = CaseFlag.FIELD_CONFLICT
        is_conflict = conflict in after.flags and conflict not in case.flags
        return Recorded(after, written.changes, is_conflict, duplicates)

    async def _compare(
        self, links: FieldLinks, place: MailPlace, what: FieldsSet | None, read: FieldsRead
    ) -> FieldsSet | None:
        """Compare the mail with other cases; returns `what` with the flag that this may add."""
        after = _with(place.case, what)
        await links.find(read)
        if not await _is_account_new(links, place.process, after, read):
            return what
        flags = with_flags(after, [CaseFlag.ACCOUNT_CHANGED.value])
        return what if flags is None else structs.replace(what or FieldsSet(values={}), flags=flags)

    async def _tell_target(
        self, written: WrittenChanges, number: int, mail_key: str, session: Session
    ) -> None:
        """Apply the values also to the case that this one was merged into."""
        origin = written.cases[number]
        if origin.merged_into is None:
            return
        target = await read_case(self._store, origin.merged_into, session)
        what = arrived(target, self._processes.get(target.process), origin, {mail_key})
        if what is not None:
            actor = Actor(kind="mail", id=mail_key)
            written.add(target, [what], actor, self._clock(), mail_key=mail_key)

    async def _save(self, written: WrittenChanges, now: datetime, session: Session) -> None:
        for number, after in written.cases.items():
            before = written.before[number]
            change: dict[str, Any] = {"$set": changed_fields(before, after)}
            change["$max"] = {"updated_at": now}
            query = {"_id": number, **at_revision(before.revision)}
            if not await self._cases.update(query, change, session):
                raise ConflictError(f"case {number} was changed by someone else first")
        await insert_history(self._store, written.changes, session)


async def _is_account_new(
    links: FieldLinks, process: Process, after: Case, read: FieldsRead
) -> bool:
    """Whether the mail names an account that is not known for its seller."""
    ibans = [
        str(value.value)
        for field in process.fields
        if field.type == "iban"
        and (value := after.fields.get(field.name)) is not None
        and value.by == read.mail_key
    ]
    named: list[tuple[str, Iterable[str]]] = [
        (invoice.seller, [*invoice.accounts, *ibans]) for invoice in read.invoices if invoice.seller
    ]
    seller = _seller(process, after)
    if not named and seller is not None:
        named.append((seller, ibans))
    return any([await links.is_account_new(seller, accounts) for seller, accounts in named])


def _seller(process: Process, case: Case) -> str | None:
    """The seller's tax number, from the field that is filled with it from invoices."""
    for field in process.fields:
        reads = any(source.value == "seller_tax_id" for source in field.sources)
        if reads and field.name in case.fields:
            return str(case.fields[field.name].value)
    return None


def _with(case: Case, what: FieldsSet | None) -> Case:
    if what is None:
        return case
    fields = {name: value for name, value in {**case.fields, **what.values}.items() if value}
    return structs.replace(
        case, fields=fields, flags=case.flags if what.flags is None else what.flags
    )
