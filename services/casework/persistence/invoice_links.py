"""Moves links made by invoices along with the mails of a split, a merge or an unmerge, in its
transaction.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemas.changes import LinkKind, Merged, Unmerged, What
from schemas.stored import Case, Comment, FieldKey, from_document
from services.casework.decisions.invoice_keys import evidence
from services.casework.persistence.case_links import BY_FIELDS, DUPLICATE, CaseLinks
from services.casework.persistence.unique_values import UniqueValues
from services.runtime.store.mongo import Store


@dataclass(frozen=True)
class _Holders:
    """The cases that have an invoice, and those that correct it, without duplicates, in the order
    of their mails. `by` is the evidence.
    """

    by: str
    cases: Sequence[int]
    corrections: Sequence[int]

    def links_of(self, number: int) -> Iterator[tuple[int, LinkKind]]:
        """The links that the invoice may give a case."""
        others = [other for other in self.cases if other != number]
        if number in self.cases:
            yield from ((other, DUPLICATE) for other in others)
            yield from ((other, "corrected-by") for other in self.corrections if other != number)
        if number in self.corrections:
            yield from ((other, "corrects") for other in others)


class InvoiceLinks:
    """Links between cases that share invoices. Methods raise TransientError."""

    def __init__(self, store: Store, links: CaseLinks) -> None:
        self._cases = store.collection(Case.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)
        self._keys = store.collection(FieldKey.COLLECTION)
        self._links = links

    async def follow_split(
        self, unique: UniqueValues, origin: Case, new: int, mails: Sequence[str]
    ) -> None:
        """Remove the links of `origin` that only the moved mails made, and link case `new`
        instead.
        """
        moved = await self._holders(mails)
        if not moved:
            return
        left = await self._links.case(origin.number)
        if left is not None and any(link.by != BY_FIELDS for link in left.links):
            await self._end(unique, left, moved)
        for holders in moved:
            await self._connect(holders, new)

    async def follow_merges(
        self, unique: UniqueValues, changes: Mapping[int, Sequence[What]]
    ) -> None:
        """Move the links of the cases that these changes merge or unmerge."""
        for number, whats in changes.items():
            for what in whats:
                if isinstance(what, Merged) and what.into is not None:
                    await self._follow_merge(unique, number, what.into)
                elif isinstance(what, Unmerged) and what.out_of is not None:
                    await self._follow_unmerge(unique, number, what.out_of)

    async def _follow_merge(self, unique: UniqueValues, number: int, target: int) -> None:
        """Give the links of a merged case to case `target`, which has its mails now."""
        case = await self._links.case(number)
        if case is None:
            return
        for link in case.links:
            if link.by == BY_FIELDS:
                continue
            await self._links.remove(case, link)
            other = await self._links.standing(link.case)
            await self._add(target, other, link.kind, link.by)
        await unique.follow_merge(self._links, number)

    async def _follow_unmerge(self, unique: UniqueValues, number: int, target: int) -> None:
        """Give a case that left case `target` its own links back."""
        left = await self._links.case(await self._links.standing(target))
        if left is not None:
            await self.follow_split(unique, left, number, await self._mails_of(number))
        await unique.link_holders(self._links, number)

    async def _mails_of(self, number: int) -> list[str]:
        """The mails in a case and in those that are merged into it, however long the chain."""
        numbers = [number]
        for member in numbers:  # grows meanwhile
            found = await self._cases.find(
                {"merged_into": member}, ["_id"], session=self._links.session
            )
            for document in found:
                case = await self._links.case(document["_id"])
                if case is not None and case.merged_into == member and case.number not in numbers:
                    numbers.append(case.number)
        query = {"case": {"$in": numbers}, "kind": "mail"}
        mails = await self._comments.find(query, ["_id"], session=self._links.session)
        return [mail["_id"] for mail in mails]

    async def _end(self, unique: UniqueValues, case: Case, moved: Sequence[_Holders]) -> None:
        """Remove the links of a case whose invoices are in none of its mails anymore."""
        staying = await self._holders(await self._mails_of(case.number))
        affected = {other for holders in moved for other in _all(holders)}
        kept = {link for holders in staying for link in holders.links_of(case.number)}
        gone = [
            link
            for link in case.links
            if link.by != BY_FIELDS and link.case in affected and (link.case, link.kind) not in kept
        ]
        for link in gone:
            await self._links.remove(case, link)
        if any(link.kind == DUPLICATE for link in gone):
            await unique.link_again(self._links, case.number)

    async def _connect(self, holders: _Holders, new: int) -> None:
        """Link the new case to the first other case that shares an invoice, as if its mails had
        arrived there.
        """
        number = new
        if number in holders.cases:
            first, *others = holders.cases
            for other in others if first == number else [number]:
                await self._add(first, other, DUPLICATE, holders.by)
            for other in holders.corrections:
                await self._add(number, other, "corrected-by", holders.by)
        if number in holders.corrections:
            for other in [other for other in holders.cases if other != number][:1]:
                await self._add(number, other, "corrects", holders.by)

    async def _add(self, number: int, other: int, kind: LinkKind, by: str) -> None:
        case = await self._links.case(number)
        if case is not None:
            await self._links.add(case, other, kind, by)

    async def _holders(self, mails: Collection[str]) -> list[_Holders]:
        """The holders of the invoices of these mails."""
        among = {"$in": list(mails)}
        query = {"$or": [{"mails": among}, {"corrections": among}]}
        found = await self._keys.find(query, session=self._links.session)
        keys = [from_document(document, FieldKey) for document in found]
        wanted = {mail for key in keys for mail in (*key.mails, *key.corrections)}
        comments = await self._comments.find(
            {"_id": {"$in": list(wanted)}}, ["case"], session=self._links.session
        )
        numbers = {comment["case"] for comment in comments}
        standing = {number: await self._links.standing(number) for number in sorted(numbers)}
        where = {comment["_id"]: standing[comment["case"]] for comment in comments}
        return [
            _Holders(evidence(key.id), _cases(key.mails, where), _cases(key.corrections, where))
            for key in keys
        ]


def _all(holders: _Holders) -> set[int]:
    return {*holders.cases, *holders.corrections}


def _cases(mails: Sequence[str], where: dict[str, int]) -> list[int]:
    return list(dict.fromkeys(where[mail] for mail in mails if mail in where))
