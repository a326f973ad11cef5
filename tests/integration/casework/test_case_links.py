"""Links by invoices follow the mails that brought them, and get better evidence when it arrives."""

import pytest

from schemas.changes import Linked
from schemas.fields import CorrectedInvoice
from schemas.flags import CaseFlag
from schemas.stored import Mail
from services.casework import actions
from services.casework.persistence.field_recorder import FieldRecorder
from services.casework.persistence.repository import CaseRepository
from services.runtime.store.mongo import Store
from tests.integration.casework.test_casework import mail_key, open_case
from tests.integration.casework.test_casework import store as store_fixture
from tests.integration.casework.test_field_recorder import PROCESSES, brought, current, links
from tests.unit.casework import field_builders as build
from tests.unit.casework.builders import OPERATOR

store = store_fixture
CORRECTION = build.invoice(
    "KOR 1", is_correction=True, kind="KOR", corrects=[CorrectedInvoice(number="12/2026")]
)


@pytest.fixture
def recorder(store: Store) -> FieldRecorder:
    return FieldRecorder(store, PROCESSES)


@pytest.fixture
def repository(store: Store) -> CaseRepository:
    return CaseRepository(store, PROCESSES)


async def open_with_replies(store: Store, number: int, mails: str = "a") -> None:
    """A case whose replies are authenticated, so that they may describe it."""
    await open_case(store, number, tuple(mails))
    proven = {"$set": {"decision.authentication": "pass"}}
    await store.collection(Mail.COLLECTION).update_all({"case": number}, proven)


async def split(repository: CaseRepository, number: int, *mails: str) -> int:
    """Split the mails off; returns the number of their new case."""
    comments = [mail_key(number, name) for name in mails]
    done = await repository.act(number, actions.SplitOff(comments=comments), OPERATOR)
    assert done.new_case is not None
    return done.new_case


class TestSplit:
    async def test_the_link_follows_the_mail_with_the_invoice(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_with_replies(store, 1, "ab")
        await open_with_replies(store, 2)
        await recorder.record(brought(1, build.invoice("other")))
        await recorder.record(brought(1, build.invoice(), name="b"))
        await recorder.record(brought(2, build.invoice()))
        assert links(await current(store, 1)) == [(2, "duplicate-of", "xml")]
        new = await split(repository, 1, "b")
        left, other, moved = [await current(store, number) for number in (1, 2, new)]
        assert links(left) == []
        assert CaseFlag.DUPLICATE_OF not in left.flags
        assert links(other) == [(new, "duplicate-of", "xml")]
        assert links(moved) == [(2, "duplicate-of", "xml")]
        assert CaseFlag.DUPLICATE_OF in moved.flags
        # The extractor reads the mail again, since it opens a case now.
        assert not (await recorder.record(brought(1, build.invoice(), name="b"))).duplicates
        assert links(await current(store, new)) == [(2, "duplicate-of", "xml")]

    async def test_both_cases_are_duplicates_if_both_keep_the_invoice(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_with_replies(store, 1, "ab")
        await open_with_replies(store, 2)
        for number, name in ((1, "a"), (1, "b"), (2, "a")):
            await recorder.record(brought(number, build.invoice(), name=name))
        new = await split(repository, 1, "b")
        assert links(await current(store, 1)) == [
            (2, "duplicate-of", "xml"),
            (new, "duplicate-of", "xml"),
        ]
        assert links(await current(store, new)) == [(1, "duplicate-of", "xml")]

    async def test_all_stay_linked_when_the_first_mail_of_several_moves(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_with_replies(store, 1, "ab")
        for number in (2, 3):
            await open_with_replies(store, number)
        for number, name in ((1, "b"), (2, "a"), (3, "a")):
            await recorder.record(brought(number, build.invoice(), name=name))
        new = await split(repository, 1, "b")
        assert links(await current(store, 1)) == []
        assert {case for case, _, _ in links(await current(store, new))} == {2, 3}
        for number in (2, 3):
            assert links(await current(store, number)) == [(new, "duplicate-of", "xml")]

    async def test_a_correction_takes_its_link_along(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_with_replies(store, 1, "ab")
        await open_with_replies(store, 2)
        await recorder.record(brought(1, build.invoice("other")))
        await recorder.record(brought(1, CORRECTION, name="b"))
        await recorder.record(brought(2, build.invoice()))
        new = await split(repository, 1, "b")
        assert links(await current(store, 1)) == []
        assert links(await current(store, 2)) == [(new, "corrected-by", "invoice")]
        assert links(await current(store, new)) == [(2, "corrects", "invoice")]

    async def test_a_corrected_invoice_takes_all_its_corrections_along(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_with_replies(store, 1, "ab")
        for number in (2, 3):
            await open_with_replies(store, number)
            await recorder.record(brought(number, CORRECTION))
        await recorder.record(brought(1, build.invoice(), name="b"))
        assert {case for case, _, _ in links(await current(store, 1))} == {2, 3}
        new = await split(repository, 1, "b")
        assert links(await current(store, 1)) == []
        found = [link for link in links(await current(store, new)) if link[1] == "corrected-by"]
        assert found == [(2, "corrected-by", "invoice"), (3, "corrected-by", "invoice")]

    async def test_equal_values_that_stay_keep_the_cases_linked(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_with_replies(store, 1, "ab")
        await open_with_replies(store, 2)
        for number, name in ((1, "b"), (2, "a")):
            await recorder.record(brought(number, build.invoice(), name=name))
            typed: dict[str, str | bool | None] = {
                "invoice_number": "12/2026",
                "seller_tax_id": build.SELLER,
            }
            await repository.act(number, actions.SetFields(fields=typed), OPERATOR)
        assert links(await current(store, 1)) == [(2, "duplicate-of", "xml")]
        new = await split(repository, 1, "b")
        assert links(await current(store, 1)) == [(2, "duplicate-of", "fields")]
        assert links(await current(store, new)) == [(2, "duplicate-of", "xml")]
        assert set(links(await current(store, 2))) == {
            (1, "duplicate-of", "fields"),
            (new, "duplicate-of", "xml"),
        }

    async def test_a_mail_without_an_invoice_leaves_the_links(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_with_replies(store, 1, "ab")
        await open_with_replies(store, 2)
        for number in (1, 2):
            await recorder.record(brought(number, build.invoice()))
        new = await split(repository, 1, "b")
        assert links(await current(store, new)) == []
        assert links(await current(store, 1)) == [(2, "duplicate-of", "xml")]


async def test_a_link_by_equal_values_gets_the_evidence_of_the_invoices(
    store: Store, recorder: FieldRecorder, repository: CaseRepository
) -> None:
    values = [build.value(build.NUMBER, "12/2026"), build.value(build.SELLER_FIELD, build.SELLER)]
    for number in (1, 2):
        await open_with_replies(store, number, "abc")
        await recorder.record(build.read(*values, key=mail_key(number, "a")))
    assert links(await current(store, 2)) == [(1, "duplicate-of", "fields")]
    as_ubl = build.invoice(xml_sha256="f" * 64, format="ubl-invoice", kind="380")
    counted = [
        (await recorder.record(brought(number, invoice, name=name))).duplicates
        for number, invoice, name in (
            (1, build.invoice(), "b"),
            (2, as_ubl, "b"),
            (2, build.invoice(), "c"),
        )
    ]
    assert counted == [0, 0, 0]  # they were known to be the same
    history = await repository.history(2)
    evidence = [
        link.by for change in history if isinstance(change.what, Linked)
        for link in change.what.links
    ]  # fmt: skip
    assert evidence == ["fields", "invoice", "xml"]
    for number, other in ((1, 2), (2, 1)):
        assert links(await current(store, number)) == [(other, "duplicate-of", "xml")]
    # A person's correction of a value ends what equal values found, and only that.
    changed = actions.SetFields(fields={"invoice_number": "13/2026"})
    await repository.act(2, changed, OPERATOR)
    assert links(await current(store, 1)) == [(2, "duplicate-of", "xml")]
    assert CaseFlag.DUPLICATE_OF in (await current(store, 2)).flags
