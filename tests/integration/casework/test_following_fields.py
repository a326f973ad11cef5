"""Fields, flags and links follow the case: corrections by people, moved mails, new rules."""

import pytest

from schemas.flags import CaseFlag, InvoiceFlag
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
SUM, BUYER = InvoiceFlag.SUM_MISMATCH.value, InvoiceFlag.BUYER_IS_OTHER.value


@pytest.fixture
def recorder(store: Store) -> FieldRecorder:
    return FieldRecorder(store, PROCESSES)


@pytest.fixture
def repository(store: Store) -> CaseRepository:
    return CaseRepository(store, PROCESSES)


def set_fields(**fields: str | bool | None) -> actions.SetFields:
    return actions.SetFields(fields=fields)


class TestFlags:
    async def test_a_flag_goes_when_the_mail_is_read_again_without_it(
        self, store: Store, recorder: FieldRecorder
    ) -> None:
        await open_case(store, 1, ("a", "b"))
        key = mail_key(1, "a")
        await recorder.record(build.read(key=key, flags=[SUM, BUYER]))
        assert (await current(store, 1)).flags == [SUM, BUYER]
        await recorder.record(build.read(key=key, flags=[BUYER]))
        assert (await current(store, 1)).flags == [BUYER]
        await recorder.record(build.read(key=mail_key(1, "b"), flags=[BUYER]))
        await recorder.record(build.read(key=key))
        assert (await current(store, 1)).flags == [BUYER]  # the other mail still gives it
        await recorder.record(build.read(key=mail_key(1, "b")))
        assert (await current(store, 1)).flags == []

    async def test_a_reading_that_was_cut_short_removes_no_flag(
        self, store: Store, recorder: FieldRecorder
    ) -> None:
        await open_case(store, 1)
        limit = CaseFlag.EXTRACTION_LIMIT.value
        await recorder.record(build.read(key=mail_key(1, "a"), flags=[SUM]))
        cut = build.read(key=mail_key(1, "a"), flags=[limit], complete=False)
        await recorder.record(cut)
        assert (await current(store, 1)).flags == [SUM, limit]
        await recorder.record(build.read(key=mail_key(1, "a"), flags=[SUM]))
        assert (await current(store, 1)).flags == [SUM]

    async def test_what_a_person_settled_does_not_come_back(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_case(store, 1)
        read = build.read(key=mail_key(1, "a"), flags=[InvoiceFlag.AMBIGUOUS_VALUE.value])
        await recorder.record(read)
        await repository.act(1, set_fields(invoice_number="7"), OPERATOR)
        assert not (await recorder.record(read)).written
        assert (await current(store, 1)).flags == []

    async def test_a_conflict_ends_when_the_mail_agrees_with_the_person(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_case(store, 1)
        await repository.act(1, set_fields(remark="ours"), OPERATOR)
        for said, flags in (("theirs", [CaseFlag.FIELD_CONFLICT]), ("ours", [])):
            value = build.value(build.OPEN, said)
            await recorder.record(build.read(value, key=mail_key(1, "a")))
            assert (await current(store, 1)).flags == flags


class TestUniqueValues:
    async def opened(self, store: Store, recorder: FieldRecorder, *numbers: int) -> None:
        """Cases whose values are all the same."""
        for number in numbers:
            await open_case(store, number)
            values = [build.value(build.NUMBER, "7"), build.value(build.SELLER_FIELD, build.SELLER)]
            await recorder.record(build.read(*values, key=mail_key(number, "a")))

    async def test_a_value_typed_by_hand_links_and_a_correction_unlinks(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await self.opened(store, recorder, 1)
        await open_case(store, 2)
        typed = set_fields(invoice_number="7", seller_tax_id=build.SELLER)
        await repository.act(2, typed, OPERATOR)
        one, two = await current(store, 1), await current(store, 2)
        assert (links(one), links(two)) == (
            [(2, "duplicate-of", "fields")],
            [(1, "duplicate-of", "fields")],
        )
        assert one.flags == two.flags == [CaseFlag.DUPLICATE_OF]
        await repository.act(2, set_fields(invoice_number="8"), OPERATOR)
        for number in (1, 2):
            case = await current(store, number)
            assert (links(case), case.flags) == ([], [])
        await repository.act(2, set_fields(invoice_number="7"), OPERATOR)
        assert links(await current(store, 1)) == [(2, "duplicate-of", "fields")]

    async def test_removing_a_value_unlinks(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await self.opened(store, recorder, 1, 2)
        await repository.act(1, set_fields(seller_tax_id=None), OPERATOR)
        assert links(await current(store, 1)) == links(await current(store, 2)) == []

    async def test_those_that_are_left_stay_linked_when_the_first_changes(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await self.opened(store, recorder, 1, 2, 3)
        await repository.act(1, set_fields(invoice_number="8"), OPERATOR)
        found = {number: links(await current(store, number)) for number in (1, 2, 3)}
        assert found == {
            1: [],
            2: [(3, "duplicate-of", "fields")],
            3: [(2, "duplicate-of", "fields")],
        }

    async def test_a_link_by_the_invoice_itself_stays(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        for number in (1, 2):
            await open_case(store, number)
            await recorder.record(brought(number, build.invoice()))
        await repository.act(2, set_fields(invoice_number="8"), OPERATOR)
        assert links(await current(store, 2)) == [(1, "duplicate-of", "xml")]
        assert (await current(store, 2)).flags == [CaseFlag.DUPLICATE_OF]

    async def test_a_corrected_correction_is_no_duplicate_of_what_it_corrects(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await self.opened(store, recorder, 1)
        await open_case(store, 2)
        correction = build.invoice("KOR/1", is_correction=True, kind="KOR")
        await recorder.record(brought(2, correction))
        typed = set_fields(invoice_number="7", seller_tax_id=build.SELLER)
        await repository.act(2, typed, OPERATOR)
        assert links(await current(store, 1)) == links(await current(store, 2)) == []


class TestMovedMails:
    async def test_values_and_flags_follow_a_mail_that_is_split_off(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_case(store, 1, ("a", "b"))
        await recorder.record(
            build.read(build.value(build.OPEN, "first"), key=mail_key(1, "a"), flags=[BUYER])
        )
        await recorder.record(
            build.read(build.value(build.OPEN, "second"), key=mail_key(1, "b"), flags=[SUM])
        )
        assert (await current(store, 1)).fields["remark"].value == "second"
        done = await repository.act(1, actions.SplitOff(comments=[mail_key(1, "b")]), OPERATOR)
        assert done.new_case is not None
        old, new = await current(store, 1), await current(store, done.new_case)
        assert (old.fields["remark"].value, old.flags) == ("first", [BUYER])
        assert (new.fields["remark"].value, new.flags) == ("second", [SUM])
        assert {value.by for value in old.candidates["remark"]} == {mail_key(1, "a")}

    async def test_a_persons_value_stays_where_it_is_in_a_split(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_case(store, 1, ("a", "b"))
        await recorder.record(build.read(build.value(build.OPEN, "mail"), key=mail_key(1, "b")))
        await repository.act(1, set_fields(remark="person"), OPERATOR)
        done = await repository.act(1, actions.SplitOff(comments=[mail_key(1, "b")]), OPERATOR)
        assert done.new_case is not None
        assert (await current(store, 1)).fields["remark"].value == "person"
        assert (await current(store, done.new_case)).fields["remark"].value == "mail"

    async def test_a_merge_fills_what_is_empty_and_an_unmerge_gives_it_back(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_case(store, 1)
        await open_case(store, 2)
        await recorder.record(
            build.read(build.value(build.GROSS, "1.00 PLN"), key=mail_key(1, "a"))
        )
        opened_with = [
            build.value(build.GROSS, "9.00 PLN"),
            build.value(build.NUMBER, "7"),
            build.value(build.OPEN, "of the second"),
        ]
        await recorder.record(build.read(*opened_with, key=mail_key(2, "a"), flags=[SUM]))
        before = await current(store, 1)
        await repository.act(2, actions.MergeInto(target=1), OPERATOR)
        merged = await current(store, 1)
        values = {name: value.value for name, value in merged.fields.items()}
        assert values == {
            "gross": "1.00 PLN",  # money by line counts when a case opens: it is not replaced
            "invoice_number": "7",
            "remark": "of the second",
        }
        assert merged.flags == [SUM]
        await repository.act(2, actions.Unmerge(), OPERATOR)
        after, second = await current(store, 1), await current(store, 2)
        assert (after.fields, after.candidates, after.flags) == (
            before.fields,
            before.candidates,
            [],
        )
        assert second.fields["gross"].value == "9.00 PLN"

    async def test_cases_with_the_same_values_can_be_merged(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await TestUniqueValues().opened(store, recorder, 1)
        await open_case(store, 2)
        await repository.act(1, actions.MergeInto(target=2), OPERATOR)
        assert (await current(store, 2)).fields["invoice_number"].value == "7"
        assert links(await current(store, 2)) == []
        third = brought(2, build.invoice("8"))
        await recorder.record(third)
        assert links(await current(store, 1)) == []

    async def test_a_mail_of_a_merged_case_that_is_read_again_describes_both(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await open_case(store, 1)
        await open_case(store, 2)
        await repository.act(2, actions.MergeInto(target=1), OPERATOR)
        for text in ("late", "later"):
            await recorder.record(build.read(build.value(build.OPEN, text), key=mail_key(2, "a")))
            for number in (1, 2):
                assert (await current(store, number)).fields["remark"].value == text


class TestMergedInvoices:
    """Cases 1 to 3 have the same invoice; the links of a merged case pass to its target."""

    @pytest.fixture
    async def duplicates(self, store: Store, recorder: FieldRecorder) -> Store:
        for number in (1, 2, 3):
            await open_case(store, number)
        for number in (1, 2):
            await recorder.record(brought(number, build.invoice()))
        return store

    async def all_links(self, store: Store) -> dict[int, list[tuple[int, str]]]:
        found = {number: await current(store, number) for number in (1, 2, 3)}
        for case in found.values():
            flagged = CaseFlag.DUPLICATE_OF in case.flags
            assert flagged == any(link.kind == "duplicate-of" for link in case.links)
        return {
            number: [(link.case, link.by) for link in case.links] for number, case in found.items()
        }

    async def test_a_duplicate_that_is_merged_into_the_other_is_none_until_the_unmerge(
        self, duplicates: Store, repository: CaseRepository
    ) -> None:
        before = await self.all_links(duplicates)
        assert before == {1: [(2, "xml")], 2: [(1, "xml")], 3: []}
        await repository.act(1, actions.MergeInto(target=2), OPERATOR)
        assert await self.all_links(duplicates) == {1: [], 2: [], 3: []}
        await repository.act(1, actions.Unmerge(), OPERATOR)
        assert await self.all_links(duplicates) == before

    async def test_the_target_is_linked_in_place_of_the_merged_case(
        self, duplicates: Store, repository: CaseRepository
    ) -> None:
        before = await self.all_links(duplicates)
        await repository.act(1, actions.MergeInto(target=3), OPERATOR)
        assert await self.all_links(duplicates) == {1: [], 2: [(3, "xml")], 3: [(2, "xml")]}
        await repository.act(1, actions.Unmerge(), OPERATOR)
        assert await self.all_links(duplicates) == before

    async def test_a_further_duplicate_is_linked_to_the_target(
        self, duplicates: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await repository.act(1, actions.MergeInto(target=2), OPERATOR)
        await recorder.record(brought(3, build.invoice()))
        assert await self.all_links(duplicates) == {1: [], 2: [(3, "xml")], 3: [(2, "xml")]}
        again = await recorder.record(brought(1, build.invoice()))
        assert again.duplicates == 0

    async def test_an_invoice_read_late_in_a_merged_case_is_the_targets(
        self, duplicates: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await repository.act(3, actions.MergeInto(target=2), OPERATOR)
        await recorder.record(brought(3, build.invoice()))
        assert await self.all_links(duplicates) == {1: [(2, "xml")], 2: [(1, "xml")], 3: []}

    async def test_equal_values_link_the_cases_that_are_not_merged(
        self, store: Store, recorder: FieldRecorder, repository: CaseRepository
    ) -> None:
        await TestUniqueValues().opened(store, recorder, 1, 2, 3)
        await repository.act(1, actions.MergeInto(target=2), OPERATOR)
        merged = {1: [], 2: [(3, "fields")], 3: [(2, "fields")]}
        assert await self.all_links(store) == merged
        await repository.act(1, actions.Unmerge(), OPERATOR)
        linked = await self.all_links(store)
        assert {other for other, _ in linked[1]} == {2, 3}
