"""Adds links to both of the cases that they connect, and removes them from both, within the
transaction that writes the cases.
"""

from dataclasses import dataclass
from datetime import datetime

from schemas.changes import Actor, CaseLink, Linked, LinkKind
from schemas.flags import CaseFlag
from schemas.stored import Case, from_document
from services.casework.decisions.field_merge import with_flags
from services.casework.decisions.invoice_keys import is_better
from services.casework.records import WrittenChanges
from services.runtime.store.collection import Session
from services.runtime.store.mongo import Store

MAX_LINKS = 100  # of one case
DUPLICATE: LinkKind = "duplicate-of"
BY_FIELDS = "fields"
LINKED = Actor(kind="rule", id="same-invoice")
_BACK: dict[LinkKind, LinkKind] = {
    "duplicate-of": "duplicate-of",
    "corrects": "corrected-by",
    "corrected-by": "corrects",
}


@dataclass
class CaseLinks:
    """Adds the effects of links on cases to `written`. Methods raise TransientError.

    `mail_key` is the mail in which the links were found; None if a person's action changes them.
    """

    store: Store
    session: Session
    written: WrittenChanges
    now: datetime
    mail_key: str | None = None

    async def add(self, case: Case, target: int, kind: LinkKind, by: str) -> bool:
        """Link `case` and case `target` to each other; returns whether the link is new.

        An existing link keeps the stronger evidence. A case with MAX_LINKS links gets no more.
        """
        other = await self.case(target)
        if other is None or target == case.number:
            return False
        case = self.written.cases.get(case.number, case)
        is_new = self._add(case, CaseLink(case=target, kind=kind, by=by))
        self._add(other, CaseLink(case=case.number, kind=_BACK[kind], by=by))
        return is_new

    async def remove(self, case: Case, link: CaseLink) -> None:
        """Remove a link of `case`, and the link in the other direction."""
        self._remove(self.written.cases.get(case.number, case), link.case, link.kind)
        other = await self.case(link.case)
        if other is not None:
            self._remove(other, case.number, _BACK[link.kind])

    async def case(self, number: int) -> Case | None:
        """The case with the changes in `written`; None if there is none."""
        if number in self.written.cases:
            return self.written.cases[number]
        cases = self.store.collection(Case.COLLECTION)
        found = await cases.find({"_id": number}, limit=1, session=self.session)
        return from_document(found[0], Case) if found else None

    async def standing(self, number: int) -> int:
        """The case that a case is merged into, however long the chain; the case itself if it is not
        merged.
        """
        seen: set[int] = set()
        while number not in seen:
            seen.add(number)
            case = await self.case(number)
            if case is None or case.merged_into is None:
                break
            number = case.merged_into
        return number

    def _add(self, case: Case, link: CaseLink) -> bool:
        same = [known for known in case.links if (known.case, known.kind) == (link.case, link.kind)]
        if any(not is_better(link.by, known.by) for known in same):
            return False
        if not same and len(case.links) >= MAX_LINKS:
            return False
        wanted = [CaseFlag.DUPLICATE_OF] if link.kind == DUPLICATE and not same else []
        flags = with_flags(case, wanted) or case.flags
        self._write(case, Linked(links=[link], flags=flags, gone=same))
        return not same

    def _remove(self, case: Case, target: int, kind: LinkKind) -> None:
        """Remove a link, and the flag with the last link to a duplicate."""
        gone = [link for link in case.links if (link.case, link.kind) == (target, kind)]
        if not gone:
            return
        is_duplicate = any(link.kind == DUPLICATE and link not in gone for link in case.links)
        flags = case.flags
        if kind == DUPLICATE and not is_duplicate:
            flags = [flag for flag in case.flags if flag != CaseFlag.DUPLICATE_OF]
        self._write(case, Linked(links=[], flags=flags, gone=gone))

    def _write(self, case: Case, what: Linked) -> None:
        self.written.add(case, [what], LINKED, self.now, mail_key=self.mail_key)
