"""The keys by which equal invoices, equal values and known accounts are recognized."""

from typing import ClassVar

import msgspec


class FieldKey(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `field_keys`: the mails with an invoice, or the cases with a combination of values
    that must be unique.

    `id` is the kind of key and a SHA-256, so that no personal data is stored here. `mails` are the
    keys of mails with the invoice, `corrections` of those with a correction of it; their comments
    say which cases they are in. `cases` have the combination of values.
    """

    COLLECTION: ClassVar[str] = "field_keys"

    id: str = msgspec.field(name="_id")
    mails: list[str] = []
    corrections: list[str] = []
    cases: list[int] = []


class SellerAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `seller_accounts`: the accounts on which a seller wanted to be paid, oldest first.

    `id` is the SHA-256 of the seller's tax number. `accounts` are SHA-256 digests without
    duplicates; `cases` are, at the same positions, the cases with that account.
    """

    COLLECTION: ClassVar[str] = "seller_accounts"

    id: str = msgspec.field(name="_id")
    accounts: list[str] = []
    cases: list[list[int]] = []
