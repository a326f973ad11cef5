"""Links cases that have the same unique values, and unlinks those that no longer have them.

Whoever changes fields writes the keys of the values, in the transaction that writes the fields. So
of two racing writers the second conflicts with the first, reads again, and finds it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from schemas.changes import Actor, CaseLink, Linked, LinkKind
from schemas.flags import CaseFlag
from schemas.stored import Case, FieldKey, from_document
from services.casework.decisions import invoice_keys
from services.casework.decisions.field_merge import with_flags
from services.casework.records import WrittenChanges
from services.runtime.settings import Process
from services.runtime.store.mongo import Document, Session, Store

MAX_CASES = 100  # that one key remembers
MAX_LINKS = 100  # of one case
LINKED = Actor(kind="rule", id="same-invoice")
_DUPLICATE: LinkKind = "duplicate-of"


class UniqueValues:
    """Follows the values of cases within one transaction. Methods raise TransientError."""

    def __init__(self, store: Store, session: Session, processes: Mapping[str, Process]) -> None:
        self._keys = store.collection(FieldKey.COLLECTION)
        self._cases = store.collection(Case.COLLECTION)
        self._session = session
        self._processes = processes

    async def remember_correction(self, number: int) -> None:
        """From now on the case differs from those with the same values: it is a correction's."""
        key = invoice_keys.correction_key(number)
        if not await self._keys.find({"_id": key}, ["_id"], limit=1, session=self._session):
            await self._keys.insert([_document(key, [number])], self._session)

    async def follow(
        self, written: WrittenChanges, now: datetime, mail_key: str | None = None
    ) -> int:
        """Add to `written` the links that its changes of fields make and end; returns how many
        duplicates were found.
        """
        found = 0
        for number in list(written.cases):
            before, after = written.before[number], written.cases[number]
            if (before.fields, before.process) == (after.fields, after.process):
                continue
            if not self._keys_of(before, correction=False) + self._keys_of(after, correction=False):
                continue
            is_correction = await self._is_correction(before)
            old = self._keys_of(before, correction=is_correction)
            new = self._keys_of(after, correction=is_correction)
            left = [await self._leave(key, number) for key in old if key not in new]
            others = [await self._join(key, number) for key in new]
            await self._unlink(written, number, others, now, mail_key)
            for remaining in left:
                for other in remaining[1:]:
                    await self._link(written, other, remaining[0], now, mail_key)
            for cases in others:
                if cases:
                    found += await self._link(written, number, cases[0], now, mail_key)
        return found

    def _keys_of(self, case: Case, *, correction: bool) -> list[str]:
        process = self._processes.get(case.process)
        if process is None:
            return []
        return invoice_keys.unique_keys(case, process, correction=correction)

    async def _is_correction(self, case: Case) -> bool:
        wanted = [invoice_keys.correction_key(case.number)]
        wanted += self._keys_of(case, correction=True)  # of cases older than the first key
        query = {"_id": {"$in": wanted}, "cases": case.number}
        return bool(await self._keys.find(query, ["_id"], limit=1, session=self._session))

    async def _leave(self, key: str, number: int) -> list[int]:
        """The cases that still have the values."""
        known = await self._find(key)
        if known is None or number not in known.cases:
            return []
        remaining = [other for other in known.cases if other != number]
        await self._keys.update({"_id": key}, {"$set": {"cases": remaining}}, self._session)
        return remaining

    async def _join(self, key: str, number: int) -> list[int]:
        """The other cases that have the values, the first one first."""
        known = await self._find(key)
        if known is None:
            await self._keys.insert([_document(key, [number])], self._session)
            return []
        if number not in known.cases:
            cases = [*known.cases, number][:MAX_CASES]
            await self._keys.update({"_id": key}, {"$set": {"cases": cases}}, self._session)
        return [other for other in known.cases if other != number]

    async def _find(self, key: str) -> FieldKey | None:
        found = await self._keys.find({"_id": key}, limit=1, session=self._session)
        return from_document(found[0], FieldKey) if found else None

    async def _unlink(
        self,
        written: WrittenChanges,
        number: int,
        others: Iterable[Sequence[int]],
        now: datetime,
        mail_key: str | None,
    ) -> None:
        """End the links that only these values made, with cases that have none of them any
        longer.
        """
        same = {other for cases in others for other in cases}
        for link in written.cases[number].links:
            if link.kind != _DUPLICATE or link.by != "fields" or link.case in same:
                continue
            other = await self._case(written, link.case)
            sides = [(written.cases[number], link.case)]
            sides += [(other, number)] if other is not None else []
            for case, target in sides:
                gone = [CaseLink(case=target, kind=_DUPLICATE, by="fields")]
                written.add(case, [_unlinked(case, gone)], LINKED, now, mail_key=mail_key)

    async def _link(
        self, written: WrittenChanges, number: int, target: int, now: datetime, mail_key: str | None
    ) -> int:
        """Link two cases as duplicates, both ways; returns 1 if that is new."""
        case, other = await self._case(written, number), await self._case(written, target)
        if case is None or other is None or number == target:
            return 0
        if case.merged_into is not None or other.merged_into is not None:
            return 0  # one case by now, or part of one
        sides = ((case, other.number), (other, case.number))
        if not all(has_room(side, to, _DUPLICATE) for side, to in sides):
            return 0
        for side, to in sides:
            link = CaseLink(case=to, kind=_DUPLICATE, by="fields")
            written.add(side, [linked(side, link)], LINKED, now, mail_key=mail_key)
        return 1

    async def _case(self, written: WrittenChanges, number: int) -> Case | None:
        if number in written.cases:
            return written.cases[number]
        found = await self._cases.find({"_id": number}, limit=1, session=self._session)
        return from_document(found[0], Case) if found else None


def has_room(case: Case, target: int, kind: str) -> bool:
    """Whether the case has no such link yet, and may get one more."""
    known = {(known.case, known.kind) for known in case.links}
    return (target, kind) not in known and len(known) < MAX_LINKS


def linked(case: Case, link: CaseLink) -> Linked:
    """The change that adds a link."""
    flags = with_flags(case, [CaseFlag.DUPLICATE_OF] if link.kind == _DUPLICATE else [])
    return Linked(links=[link], flags=case.flags if flags is None else flags)


def _unlinked(case: Case, gone: list[CaseLink]) -> Linked:
    """The flag goes with the last link to a duplicate."""
    left = [link for link in case.links if link not in gone and link.kind == _DUPLICATE]
    flags = case.flags if left else [flag for flag in case.flags if flag != CaseFlag.DUPLICATE_OF]
    return Linked(links=[], flags=flags, gone=gone)


def _document(key: str, cases: list[int]) -> Document:
    return {"_id": key, "mails": [], "corrections": [], "cases": cases}
