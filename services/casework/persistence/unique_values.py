"""Links cases that have the same unique values, and unlinks those that no longer have them.

Every writer of fields writes the keys of the values in the same transaction, so that the second of
two racing writers conflicts with the first, reads again, and finds it.
"""

from collections.abc import Iterable, Mapping, Sequence

from schemas.stored import Case, FieldKey, from_document
from services.casework.decisions import invoice_keys
from services.casework.persistence.case_links import BY_FIELDS, DUPLICATE, CaseLinks
from services.runtime.settings import Process
from services.runtime.store.collection import Document, Session
from services.runtime.store.mongo import Store

MAX_CASES = 100  # cases stored with one key


class UniqueValues:
    """Keeps the links up to date inside one transaction. Methods raise TransientError."""

    def __init__(self, store: Store, session: Session, processes: Mapping[str, Process]) -> None:
        self._keys = store.collection(FieldKey.COLLECTION)
        self._cases = store.collection(Case.COLLECTION)
        self._session = session
        self._processes = processes

    async def remember_correction(self, number: int) -> None:
        """Record that the case is that of a correction, and so differs from those with the same
        values.
        """
        key = invoice_keys.correction_key(number)
        if not await self._keys.find({"_id": key}, ["_id"], limit=1, session=self._session):
            await self._keys.insert([_document(key, [number])], self._session)

    async def follow(self, links: CaseLinks) -> int:
        """Add and remove links according to the changed fields in `links.written`; returns how many
        duplicates were found.
        """
        found, written = 0, links.written
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
            await _unlink(links, number, others)
            for remaining in left:
                await _link_to_first(links, remaining)
            for cases in others:
                for first in (await _standing(links, cases))[:1]:
                    found += await _link(links, number, first)
        return found

    async def follow_merge(self, links: CaseLinks, number: int) -> None:
        """Unlink a merged case, and link the others with its values to each other."""
        case = await links.case(number)
        if case is None:
            return
        for link in case.links:
            if link.by == BY_FIELDS:
                await links.remove(case, link)
        await self.link_holders(links, number)

    async def link_holders(self, links: CaseLinks, number: int) -> None:
        """Link the cases with the values of the case, the case among them unless it is merged."""
        for cases in await self._holders(links, number):
            await _link_to_first(links, cases)

    async def link_again(self, links: CaseLinks, number: int) -> None:
        """Link the case to those with the same values, after stronger evidence was removed."""
        for cases in await self._holders(links, number):
            for other in cases:
                await _link(links, number, other)

    async def _holders(self, links: CaseLinks, number: int) -> list[list[int]]:
        """For each value of the case, the cases that have it; none if the case does not exist."""
        case = await links.case(number)
        if case is None:
            return []
        keys = self._keys_of(case, correction=await self._is_correction(case))
        found = [await self._find(key) for key in keys]
        return [known.cases for known in found if known is not None]

    def _keys_of(self, case: Case, *, correction: bool) -> list[str]:
        process = self._processes.get(case.process)
        if process is None:
            return []
        return invoice_keys.unique_keys(case, process, correction=correction)

    async def _is_correction(self, case: Case) -> bool:
        wanted = [invoice_keys.correction_key(case.number)]
        # For cases that are older than the first key.
        wanted += self._keys_of(case, correction=True)
        query = {"_id": {"$in": wanted}, "cases": case.number}
        return bool(await self._keys.find(query, ["_id"], limit=1, session=self._session))

    async def _leave(self, key: str, number: int) -> list[int]:
        """Remove the case from those with the values; returns the others."""
        known = await self._find(key)
        if known is None or number not in known.cases:
            return []
        remaining = [other for other in known.cases if other != number]
        await self._keys.update({"_id": key}, {"$set": {"cases": remaining}}, self._session)
        return remaining

    async def _join(self, key: str, number: int) -> list[int]:
        """Add the case to those with the values; returns the others, the first one first."""
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


async def _unlink(links: CaseLinks, number: int, others: Iterable[Sequence[int]]) -> None:
    """Remove links that only these values made, to cases that have none of them anymore."""
    same = {other for cases in others for other in cases}
    case = links.written.cases[number]
    for link in case.links:
        if link.kind == DUPLICATE and link.by == BY_FIELDS and link.case not in same:
            await links.remove(case, link)


async def _standing(links: CaseLinks, numbers: Iterable[int]) -> list[int]:
    """The cases that are not merged into another one."""
    return [number for number in numbers if await links.standing(number) == number]


async def _link_to_first(links: CaseLinks, numbers: Iterable[int]) -> None:
    """Link the first of the cases that are not merged to the others."""
    standing = await _standing(links, numbers)
    for other in standing[1:]:
        await _link(links, other, standing[0])


async def _link(links: CaseLinks, number: int, target: int) -> int:
    """Link two cases as duplicates of each other; returns 1 if the link is new."""
    case, other = await links.case(number), await links.case(target)
    if case is None or other is None or number == target:
        return 0
    if case.merged_into is not None or other.merged_into is not None:
        return 0  # merged into one case by now
    return int(await links.add(case, target, DUPLICATE, BY_FIELDS))


def _document(key: str, cases: list[int]) -> Document:
    return {"_id": key, "mails": [], "corrections": [], "cases": cases}
