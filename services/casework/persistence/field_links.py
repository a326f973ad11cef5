"""Finds other cases with the same invoice, and sellers whose account is not the known one.

All of this happens inside the transaction that writes the fields. Every writer of an invoice writes
its key, so that the second of two racing writers conflicts with the first, reads again, and finds
it.
"""

from collections.abc import Iterable, Sequence

from schemas.changes import LinkKind
from schemas.fields import FieldsRead
from schemas.flags import CaseFlag
from schemas.stored import Case, Comment, FieldKey, SellerAccount, from_document
from services.casework.decisions import invoice_keys
from services.casework.persistence.case_links import CaseLinks
from services.runtime.store.collection import Document
from services.runtime.store.mongo import Store

MAX_MAILS = 100  # mails stored with one key; others are linked to the case of the first
MAX_ACCOUNTS = 50


class FieldLinks:
    """The links of one case, found in one transaction. Methods raise TransientError.

    `found` maps the other case and the kind of a link to its evidence, `CaseLink.by`.
    """

    def __init__(self, store: Store, links: CaseLinks, case: Case) -> None:
        """`case` is the one that the mail is in, which may be merged."""
        self._keys = store.collection(FieldKey.COLLECTION)
        self._accounts = store.collection(SellerAccount.COLLECTION)
        self._comments = store.collection(Comment.COLLECTION)
        self._cases = store.collection(Case.COLLECTION)
        self._session = links.session
        self._links = links
        self._case = case
        self.found: dict[tuple[int, LinkKind], str] = {}

    async def find(self, read: FieldsRead) -> None:
        """Find the cases that share invoices with the mail, and store the keys of its invoices."""
        for invoice in read.invoices:
            for by, key in invoice_keys.document_keys(invoice):
                known = await self._remembered(key, "mails", read.mail_key)
                self._add((await self._others(known.mails))[:1], "duplicate-of", by)
                self._add(await self._others(known.corrections), "corrected-by", by)
            for by, key in invoice_keys.corrected_keys(invoice):
                known = await self._remembered(key, "corrections", read.mail_key)
                self._add((await self._others(known.mails))[:1], "corrects", by)

    async def is_account_new(self, seller: str, accounts: Iterable[str]) -> bool:
        """Whether the seller has a known account, and one of `accounts` is not known.

        Known are the first account, and the accounts of cases in which a person removed the flag.
        An account that was reported for this case is not reported again.
        """
        wanted = [invoice_keys.digest(invoice_keys.account_digits(account)) for account in accounts]
        if not wanted:
            return False
        key = invoice_keys.seller_key(seller)
        found = await self._accounts.find({"_id": key}, limit=1, session=self._session)
        known = from_document(found[0], SellerAccount) if found else SellerAccount(id=key)
        new = [
            account for account in dict.fromkeys(wanted) if not await self._is_known(known, account)
        ]
        after = _with_accounts(known, wanted, self._case.number)
        parts = {"accounts": after.accounts, "cases": after.cases}
        if not found:
            await self._accounts.insert([{"_id": key, **parts}], self._session)
        elif after != known:
            await self._accounts.update({"_id": key}, {"$set": parts}, self._session)
        return bool(new)

    async def _is_known(self, known: SellerAccount, account: str) -> bool:
        if not known.accounts or account == known.accounts[0]:
            return True
        if account not in known.accounts:
            return False
        cases = known.cases[known.accounts.index(account)]
        if self._case.number in cases:
            return True
        accepted = {"_id": {"$in": cases}, "flags": {"$ne": CaseFlag.ACCOUNT_CHANGED.value}}
        return bool(await self._cases.find(accepted, ["_id"], limit=1, session=self._session))

    async def _others(self, mails: Sequence[str]) -> list[int]:
        """The other cases that the mails are in now, after merges, in the order of the mails."""
        if not mails:
            return []
        query = {"_id": {"$in": list(mails)}}
        comments = await self._comments.find(query, ["case"], session=self._session)
        where = {comment["_id"]: comment["case"] for comment in comments}
        cases = dict.fromkeys(where[mail] for mail in mails if mail in where)
        standing = dict.fromkeys([await self._links.standing(number) for number in cases])
        own = await self._links.standing(self._case.number)
        return [other for other in standing if other != own]

    def _add(self, others: Sequence[int], kind: LinkKind, by: str) -> None:
        for other in others:
            known = self.found.get((other, kind))
            if known is None or invoice_keys.is_better(by, known):
                self.found[other, kind] = by

    async def _remembered(self, key: str, role: str, mail_key: str) -> FieldKey:
        """The other mails with this key; the mail itself is stored with it, in its role."""
        known = await self._key(key)
        mails: list[str] = getattr(known, role)
        if mail_key not in mails:
            await self._write(known, {role: [*mails, mail_key][:MAX_MAILS]})
        return known

    async def _key(self, key: str) -> FieldKey:
        found = await self._keys.find({"_id": key}, limit=1, session=self._session)
        return from_document(found[0], FieldKey) if found else FieldKey(id=key)

    async def _write(self, known: FieldKey, change: Document) -> None:
        if await self._keys.update({"_id": known.id}, {"$set": change}, self._session):
            return
        empty: Document = {"_id": known.id, "mails": [], "corrections": [], "cases": []}
        await self._keys.insert([empty | change], self._session)


def _with_accounts(known: SellerAccount, wanted: Sequence[str], number: int) -> SellerAccount:
    accounts, cases = list(known.accounts), [list(those) for those in known.cases]
    for account in dict.fromkeys(wanted):
        if account not in accounts:
            if len(accounts) == MAX_ACCOUNTS:
                continue
            accounts.append(account)
            cases.append([])
        those = cases[accounts.index(account)]
        if number not in those:
            those[:] = [*those, number][-MAX_MAILS:]
    return SellerAccount(id=known.id, accounts=accounts, cases=cases)
