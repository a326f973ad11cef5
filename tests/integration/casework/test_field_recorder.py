"""Values from mails, in a real database: links, accounts, races, and histories that fold."""

import asyncio
import random
from typing import Any

import pytest
from msgspec import structs

from schemas.changes import Change
from schemas.fields import CorrectedInvoice, FieldsRead
from schemas.flags import CaseFlag, CommentFlag
from schemas.stored import Case, Comment, FieldKey, Mail, SellerAccount, from_document
from services.casework import actions
from services.casework.history import differences, fold
from services.casework.persistence.field_recorder import FieldRecorder, Recorded
from services.casework.persistence.repository import CaseRepository
from services.runtime.store.contention import retry_conflicts
from services.runtime.store.mongo import Store
from tests.integration.casework.test_casework import mail_key, open_case
from tests.integration.casework.test_casework import store as store_fixture
from tests.unit.casework import field_builders as build
from tests.unit.casework.builders import OPERATOR

PROCESSES = {"invoices": build.PROCESS, "claims": build.OTHER}
store = store_fixture


@pytest.fixture
def recorder(store: Store) -> FieldRecorder:
    return FieldRecorder(store, PROCESSES)


async def current(store: Store, number: int) -> Case:
    """The case; its history is folded and compared first."""
    document = await store.collection(Case.COLLECTION).find_one({"_id": number})
    assert document is not None
    changes = await store.collection(Change.COLLECTION).find({"case": number}, sort="revision")
    stored = from_document(document, Case)
    assert differences(stored, fold([from_document(found, Change) for found in changes])) == []
    return stored


def brought(number: int, *invoices: Any, name: str = "a", **more: Any) -> FieldsRead:
    """The mail `name` of a case contains invoices."""
    values = [build.value(build.NUMBER, invoice.number, "invoice") for invoice in invoices]
    return build.read(*values[:1], key=mail_key(number, name), invoices=list(invoices), **more)


def links(subject: Case) -> list[tuple[int, str, str]]:
    return [(link.case, link.kind, link.by) for link in subject.links]


async def test_the_same_invoice_in_two_cases_is_linked_both_ways(
    store: Store, recorder: FieldRecorder
) -> None:
    await open_case(store, 1)
    await open_case(store, 2, process="claims")
    as_ubl = build.invoice(
        xml_sha256="f" * 64, format="ubl-invoice", kind="380", seller="PL5261040828"
    )
    first = await recorder.record(brought(1, build.invoice()))
    second = await recorder.record(structs.replace(brought(2, as_ubl), process="claims"))
    one, two = await current(store, 1), await current(store, 2)
    assert (first.duplicates, second.duplicates) == (0, 1)
    assert links(one) == [(2, "duplicate-of", "invoice")]
    assert links(two) == [(1, "duplicate-of", "invoice")]
    assert one.flags == two.flags == [CaseFlag.DUPLICATE_OF]
    again = await recorder.record(structs.replace(brought(2, as_ubl), process="claims"))
    assert not again.written
    assert not (await recorder.record(brought(1, build.invoice()))).written


@pytest.mark.parametrize(
    ("other", "by"),
    [
        ({"number": "13/2026"}, None),
        ({"seller": build.BUYER}, None),
        ({"kind": "ZAL"}, None),
        ({"number": "12 / 2026", "kind": "380"}, "invoice"),
        ({"number": "13/2026", "xml_sha256": "12/2026".rjust(64, "0")}, "xml"),
        ({"number": None, "seller": None}, None),
    ],
)
async def test_what_makes_an_invoice_the_same(
    store: Store, recorder: FieldRecorder, other: dict[str, Any], by: str | None
) -> None:
    await open_case(store, 1)
    await open_case(store, 2)
    await recorder.record(build.read(key=mail_key(1, "a"), invoices=[build.invoice()]))
    changed = structs.replace(build.invoice(xml_sha256="e" * 64), **other)
    await recorder.record(build.read(key=mail_key(2, "a"), invoices=[changed]))
    assert links(await current(store, 2)) == ([(1, "duplicate-of", by)] if by else [])


async def test_a_correction_is_linked_to_what_it_corrects_and_is_no_duplicate(
    store: Store, recorder: FieldRecorder
) -> None:
    for number in (1, 2, 3):
        await open_case(store, number)
    correction = build.invoice(
        "KOR 1", is_correction=True, kind="KOR", corrects=[CorrectedInvoice(number="12/2026")]
    )
    await recorder.record(brought(3, correction))  # before what it corrects
    await recorder.record(brought(1, build.invoice()))
    early = structs.replace(correction, number="KOR 2", xml_sha256="d" * 64)
    await recorder.record(brought(2, early))
    assert links(await current(store, 1)) == [
        (3, "corrected-by", "invoice"),
        (2, "corrected-by", "invoice"),
    ]
    assert links(await current(store, 2)) == [(1, "corrects", "invoice")]
    assert links(await current(store, 3)) == [(1, "corrects", "invoice")]
    assert (await current(store, 1)).flags == []


async def test_the_same_unique_values_make_a_duplicate_while_both_have_them(
    store: Store, recorder: FieldRecorder
) -> None:
    for number in (1, 2, 3):
        await open_case(store, number)
    values = [build.value(build.NUMBER, "7"), build.value(build.SELLER_FIELD, build.SELLER)]
    for number in (1, 2):
        await recorder.record(build.read(*values, key=mail_key(number, "a")))
    assert links(await current(store, 2)) == [(1, "duplicate-of", "fields")]
    # The rules read another number now: the old one is free.
    changed = [build.value(build.NUMBER, "8"), values[1]]
    for number in (1, 2):
        await recorder.record(build.read(*changed, key=mail_key(number, "a")))
    await recorder.record(build.read(*values, key=mail_key(3, "a")))
    assert links(await current(store, 3)) == []


async def test_racing_writers_find_each_others_duplicates(
    store: Store, recorder: FieldRecorder
) -> None:
    """Four recorders. Each invoice comes in three cases at once, and every third case is unique."""
    cases = list(range(1, 41))
    for number in cases:
        await open_case(store, number)
    reads = {
        number: brought(number, build.invoice(f"F{number % 10}"))
        for number in cases
        if number <= 30
    }
    reads |= {
        number: brought(number, build.invoice(f"unique {number}"))
        for number in cases
        if number > 30
    }
    order = list(reads.values()) * 2  # each is delivered twice
    random.Random(17).shuffle(order)
    recorders = [recorder, *(FieldRecorder(store, PROCESSES) for _ in range(3))]

    async def work(index: int) -> list[Recorded]:
        return [
            await retry_conflicts(lambda read=read: recorders[index].record(read))  # type: ignore[misc]
            for read in order[index::4]
        ]

    await asyncio.gather(*(work(index) for index in range(4)))
    groups = {number: {link[0] for link in links(await current(store, number))} for number in cases}
    for number in cases:
        same = {other for other in cases if number <= 30 >= other and other % 10 == number % 10}
        assert groups[number] <= same - {number}
        assert bool(groups[number]) == (number <= 30)
    for first in range(1, 11):  # the first of each group is linked to both others
        assert sum(len(groups[number]) for number in (first, first + 10, first + 20)) == 4


async def test_an_account_that_differs_from_the_known_one_is_flagged_until_a_person_accepts_it(
    store: Store, recorder: FieldRecorder
) -> None:
    for number in (1, 2, 3, 4):
        await open_case(store, number)
    repository = CaseRepository(store, PROCESSES)

    async def paid_to(number: int, account: str) -> list[str]:
        invoice = build.invoice(str(number), accounts=[account])
        await recorder.record(brought(number, invoice))
        return (await current(store, number)).flags

    assert await paid_to(1, "61 1090 1014 0000 0712 1981 2874") == []
    assert await paid_to(2, build.ACCOUNT) == []
    assert await paid_to(3, build.OTHER_ACCOUNT) == [CaseFlag.ACCOUNT_CHANGED]
    assert await paid_to(4, build.OTHER_ACCOUNT) == [CaseFlag.ACCOUNT_CHANGED]
    accept = actions.SetFields(fields={"account": build.OTHER_ACCOUNT})
    await repository.act(4, accept, OPERATOR)
    assert await paid_to(4, build.OTHER_ACCOUNT) == []  # read again
    await open_case(store, 5)
    assert await paid_to(5, build.OTHER_ACCOUNT) == []


async def test_an_account_in_a_line_is_compared_too(store: Store, recorder: FieldRecorder) -> None:
    for number, account in ((1, build.ACCOUNT), (2, build.OTHER_ACCOUNT)):
        await open_case(store, number)
        values = [
            build.value(build.SELLER_FIELD, build.SELLER),
            build.value(build.ACCOUNT_FIELD, account),
        ]
        await recorder.record(build.read(*values, key=mail_key(number, "a")))
    assert (await current(store, 2)).flags == [CaseFlag.ACCOUNT_CHANGED]


@pytest.mark.parametrize(
    ("decision", "flags", "is_set"),
    [
        ({}, [], False),
        ({"decision.signed": [1]}, [], True),
        ({"decision.signed": [2]}, [], False),
        ({"decision.thread_ids": ["<first@supplier.example>"]}, [], True),
        ({"decision.thread_ids": ["<other@supplier.example>"]}, [], False),
        ({"decision.authentication": "pass"}, [], True),
        ({"decision.authentication": "pass"}, [CommentFlag.UNVERIFIED_SENDER.value], False),
        ({"decision.authentication": "fail", "decision.signed": [1]}, [], False),
    ],
)
async def test_a_reply_describes_the_case_only_if_it_is_proven(
    store: Store,
    recorder: FieldRecorder,
    decision: dict[str, Any],
    flags: list[str],
    is_set: bool,
) -> None:
    await open_case(store, 1, ("a", "b"))
    await open_case(store, 2)
    await recorder.record(brought(2, build.invoice("13/2026", accounts=[build.ACCOUNT])))
    comments, mails = store.collection(Comment.COLLECTION), store.collection(Mail.COLLECTION)
    opener = {"_id": mail_key(1, "a")}
    await comments.update(opener, {"$set": {"message_id": "<first@supplier.example>"}})
    reply = {"_id": mail_key(1, "b")}
    await comments.update(reply, {"$set": {"flags": flags}})
    if decision:
        await mails.update(reply, {"$set": decision})
    invoice = build.invoice("13/2026", accounts=[build.OTHER_ACCOUNT])
    await recorder.record(brought(1, invoice, name="b"))
    subject = await current(store, 1)
    assert ("invoice_number" in subject.fields) == is_set
    assert bool(subject.links) == (CaseFlag.ACCOUNT_CHANGED in subject.flags) == is_set


async def test_a_mail_that_is_in_no_case_changes_nothing(
    store: Store, recorder: FieldRecorder
) -> None:
    recorded = await recorder.record(brought(99, build.invoice()))
    assert recorded.case is None
    for struct in (FieldKey, SellerAccount, Change):
        assert await store.collection(struct.COLLECTION).count({}) == 0


async def test_the_preview_shows_what_recording_would_change_and_writes_nothing(
    store: Store, recorder: FieldRecorder
) -> None:
    await open_case(store, 1)
    before = await current(store, 1)
    found = await recorder.preview(brought(1, build.invoice()))
    assert found is not None
    subject, what = found
    assert subject == before
    assert what is not None
    assert {name: value and value.value for name, value in what.values.items()} == {
        "invoice_number": "12/2026"
    }
    assert await current(store, 1) == before
