"""The contract of the port `Cases`, which the MongoDB adapter and the fake both pass.

A subclass provides the fixture `cases`: empty, for the processes of `tests.builders.STAGES`.
"""

from typing import Any, Protocol

import pytest
from msgspec import structs

from schemas.cases import Authentication, Command
from schemas.mails import BlobRef
from schemas.stored import Attachment, LimitAlert, thread_id
from services.case_writer.placement.plan import PreparedMail
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot import SnapshotQuery
from services.case_writer.placement.snapshot_query import query
from services.case_writer.ports import Cases
from services.runtime.errors import PermanentError
from services.runtime.settings.schema.processes import Rules
from services.runtime.store.errors import ConflictError
from tests.builders import (
    ANNA,
    JAN,
    appending,
    ignoring,
    item,
    opened,
    opening,
    parking,
    planned,
    reading,
    write_plan,
)


class CasesUnderTest(Cases, Protocol):
    """The port, and the documents that it wrote: those of a collection, by `_id`."""

    async def all(self, collection: str) -> dict[Any, dict[str, Any]]: ...


async def write(cases: CasesUnderTest, *items: PreparedMail, attempt: str = "attempt") -> None:
    await write_plan(cases, await planned(cases, items, attempt), attempt)


async def everything(cases: CasesUnderTest) -> dict[str, dict[Any, dict[str, Any]]]:
    return {name: await cases.all(name) for name in ("cases", "comments", "mails", "threads")}


class CasesContract:
    async def test_nothing_is_known_at_first(self, cases: CasesUnderTest) -> None:
        known = await cases.snapshot(SnapshotQuery(["a" * 64], [1], ["invoices <a@x.example>"]))
        assert (known.mails, known.cases, known.threads) == ({}, {}, {})

    async def test_an_opened_case_is_written_whole_and_known(self, cases: CasesUnderTest) -> None:
        mail = opened("one", "<1@x.example>", thread_ids=["<0@x.example>"])
        await write(cases, mail, attempt="first")
        thread = thread_id("invoices", "<1@x.example>")
        known = await cases.snapshot(SnapshotQuery([mail.key], [1], [thread]))
        recorded = known.mails[mail.key]
        assert (recorded.outcome, recorded.case, recorded.written_by) == ("opened", 1, "first")
        assert (known.cases[1].process, known.cases[1].stage) == ("invoices", "registration")
        assert known.cases[1].participants == {ANNA.address, "invoices@office.example"}
        assert (known.threads[thread].case, known.threads[thread].claimed_by) == (1, mail.key)
        found = await everything(cases)
        assert list(found["cases"]) == [1]
        assert [(comment["_id"], comment["case"]) for comment in found["comments"].values()] == [
            (mail.key, 1)
        ]
        assert found["threads"][thread_id("invoices", "<0@x.example>")]["claimed_by"] is None

    async def test_a_further_delivery_is_counted_once_by_an_attempt_however_often_it_is_written(
        self, cases: CasesUnderTest
    ) -> None:
        """As after a commit whose result was unknown."""
        mail = opened("one")
        await write(cases, mail, attempt="first")
        for attempt in ("second", "second", "third"):
            await write(cases, mail, mail, attempt=attempt)
        assert [case["deliveries"] for case in (await cases.all("mails")).values()] == [5]

    async def test_a_mail_or_a_thread_leads_to_its_case(self, cases: CasesUnderTest) -> None:
        mail = opened("one", "<1@x.example>")
        await write(cases, mail)
        by_mail = await cases.snapshot(SnapshotQuery([mail.key], [], []))
        by_thread = await cases.snapshot(
            SnapshotQuery([], [], [thread_id("invoices", "<1@x.example>")])
        )
        own = thread_id("invoices", "<1@x.example>")
        as_copy = await cases.snapshot(SnapshotQuery([], [], [own], own_threads=[own]))
        assert (by_thread.mails, as_copy.mails) == ({}, by_mail.mails)
        assert by_mail.cases == by_thread.cases
        assert list(by_mail.cases) == [1]

    async def test_numbers_follow_each_other_over_batches(self, cases: CasesUnderTest) -> None:
        await write(cases, opened("one"), opened("two"))
        await write(cases, opened("three"))
        assert sorted(await cases.all("cases")) == [1, 2, 3]

    async def test_a_comment_changes_its_case(self, cases: CasesUnderTest) -> None:
        await write(cases, opened("one"))
        file = Attachment(
            name="a.txt",
            content_type="text/plain",
            size=1,
            sha256="a" * 64,
            inline=False,
            content_id=None,
            blob="a" * 64,
        )
        read = reading(author=ANNA, recipients=[JAN])
        await write(cases, PreparedMail(appending("two", 1, signed=[1]), read, (file,)))
        case = (await cases.all("cases"))[1]
        assert (case["comment_count"], case["attachment_count"]) == (2, 1)
        assert case["participants"] == [ANNA.address, "invoices@office.example", JAN.address]
        assert case["updated_at"] >= case["opened_at"]

    async def test_parked_and_ignored_mails_are_recorded_without_a_case(
        self, cases: CasesUnderTest
    ) -> None:
        parked, ignored = item(parking("p")), item(ignoring("i"))
        await write(cases, parked, ignored)
        mails = await cases.all("mails")
        assert {
            key: (one["outcome"], one["reason"], one["case"]) for key, one in mails.items()
        } == {
            parked.key: ("parked", "virus", None),
            ignored.key: ("ignored", "loop", None),
        }
        assert all(mail["raw"] for mail in mails.values())
        assert await cases.all("cases") == {}

    async def test_further_deliveries_are_only_counted(self, cases: CasesUnderTest) -> None:
        mail = opened("one", "<1@x.example>")
        await write(cases, mail, attempt="first")
        before = await everything(cases)
        await write(cases, mail, mail, attempt="second")
        after = await everything(cases)
        assert after["mails"][mail.key].pop("deliveries") == 3
        assert (
            before["mails"][mail.key].pop("counted_by"),
            after["mails"][mail.key].pop("counted_by"),
        ) == (
            None,
            "second",
        )
        assert before["mails"][mail.key].pop("deliveries") == 1
        assert after == before

    async def test_a_mail_twice_in_its_first_batch_counts_two_deliveries(
        self, cases: CasesUnderTest
    ) -> None:
        mail = opened("one")
        await write(cases, mail, mail)
        assert (await cases.all("mails"))[mail.key]["deliveries"] == 2
        assert sorted(await cases.all("cases")) == [1]

    async def test_a_replay_does_not_count(self, cases: CasesUnderTest) -> None:
        await write(cases, opened("one"))
        await write(cases, item(opening("one", origin="replay")), attempt="second")
        assert [case["deliveries"] for case in (await cases.all("mails")).values()] == [1]

    async def test_own_work_is_not_done_again(self, cases: CasesUnderTest) -> None:
        mail, known_before = opened("one", "<1@x.example>"), opened("zero")
        await write(cases, known_before, attempt="earlier")
        batch = [mail, mail, known_before]
        await write(cases, *batch, attempt="same")
        before = await everything(cases)
        await write(cases, *batch, attempt="same")
        assert await everything(cases) == before

    async def test_a_plan_that_missed_another_writers_mail_conflicts(
        self, cases: CasesUnderTest
    ) -> None:
        late = await planned(cases, [opened("same"), opened("other", "<2@x.example>")], "late")
        await write(cases, opened("same"), attempt="early")
        before = await everything(cases)
        with pytest.raises(ConflictError):
            await write_plan(cases, late, "late")
        assert await everything(cases) == before

    async def test_a_plan_that_missed_a_thread_conflicts(self, cases: CasesUnderTest) -> None:
        late = await planned(
            cases, [opened("reply", "<2@x.example>", thread_ids=["<1@x.example>"])], "late"
        )
        await write(cases, opened("first", "<1@x.example>"), attempt="early")
        with pytest.raises(ConflictError):
            await write_plan(cases, late, "late")
        await write(
            cases, opened("reply", "<2@x.example>", thread_ids=["<1@x.example>"]), attempt="late"
        )
        assert sorted(await cases.all("cases")) == [1]

    async def test_a_reserved_id_is_claimed_once(self, cases: CasesUnderTest) -> None:
        await write(cases, opened("reply", "<2@x.example>", thread_ids=["<1@x.example>"]))
        first, second = opened("first", "<1@x.example>"), opened("second", "<1@x.example>")
        late = await planned(cases, [second], "late")
        await write(cases, first, attempt="early")
        with pytest.raises(ConflictError):
            await write_plan(cases, late, "late")
        thread = (await cases.all("threads"))[thread_id("invoices", "<1@x.example>")]
        assert (thread["case"], thread["claimed_by"]) == (1, first.key)

    async def test_a_mail_whose_id_a_stranger_named_takes_the_id_along_when_it_loses_the_race(
        self, cases: CasesUnderTest
    ) -> None:
        real = opened("real", "<1@x.example>", author=JAN)
        late = await planned(cases, [real], "late")
        await write(
            cases, opened("forged", "<2@x.example>", thread_ids=["<1@x.example>"]), attempt="early"
        )
        with pytest.raises(ConflictError):
            await write_plan(cases, late, "late")
        await write(cases, real, attempt="late")
        thread = (await cases.all("threads"))[thread_id("invoices", "<1@x.example>")]
        assert (thread["case"], thread["claimed_by"]) == (2, real.key)
        assert [case.get("refers_to") for case in (await cases.all("cases")).values()] == [None, 1]
        assert {case["case"] for case in (await cases.all("mails")).values()} == {1, 2}

    async def test_a_copy_that_loses_the_race_is_known_by_its_digest(
        self, cases: CasesUnderTest
    ) -> None:
        first, copy = (opened(name, "<1@x.example>", digest="d" * 64) for name in ("first", "copy"))
        late = await planned(cases, [copy], "late")
        await write(cases, first, attempt="early")
        with pytest.raises(ConflictError):
            await write_plan(cases, late, "late")
        again = await planned(cases, [copy], "late")
        assert [(mail.reason, mail.refers_to) for mail in again.unassigned] == [("copy", 1)]
        kept = BlobRef(sha256="e" * 64, size=9)
        assert [mail.key for mail in again.needs_original] == [copy.key]
        await write_plan(cases, again, "late", {copy.key: kept})
        mail = (await cases.all("mails"))[copy.key]
        assert (mail["outcome"], mail["reason"], mail["case"], mail["refers_to"]) == (
            "ignored",
            "copy",
            None,
            1,
        )
        known = await cases.snapshot(SnapshotQuery([copy.key], [], []))
        assert known.mails[copy.key].refers_to == 1

    async def test_after_a_forged_first_copy_further_copies_of_an_answer_add_no_comment(
        self, cases: CasesUnderTest
    ) -> None:
        def copy(command: Command, verdict: Authentication) -> PreparedMail:
            decision = structs.replace(command.decision, authentication=verdict)
            changed = structs.replace(command, decision=decision)
            return item(changed, "<2@x.example>", digest="d" * 64)

        one = opened("one", "<1@x.example>")
        await write(cases, one)
        forged, real = copy(opening("forged"), "fail"), copy(appending("real", 1), "pass")
        third = copy(appending("third", 1), "pass")
        await write(cases, forged, attempt="first")
        for attempt, mail in (("second", real), ("third", third), ("fourth", forged)):
            await write(cases, mail, attempt=attempt)
        found = await everything(cases)
        assert {key: comment["case"] for key, comment in found["comments"].items()} == {
            one.key: 1,
            forged.key: 2,
            real.key: 1,
        }
        outcome = found["mails"][third.key]
        assert (outcome["reason"], outcome["refers_to"]) == ("copy", 1)
        thread = found["threads"][thread_id("invoices", "<2@x.example>")]
        assert (thread["case"], thread["claimed_by"]) == (1, real.key)

    async def test_the_digest_of_a_mail_comes_with_its_claim_of_a_reserved_id(
        self, cases: CasesUnderTest
    ) -> None:
        thread = thread_id("invoices", "<1@x.example>")
        await write(cases, opened("reply", thread_ids=["<1@x.example>"]))
        assert (await cases.snapshot(SnapshotQuery([], [], [thread]))).threads[
            thread
        ].digest is None
        await write(cases, opened("first", "<1@x.example>", digest="d" * 64))
        assert (await cases.snapshot(SnapshotQuery([], [], [thread]))).threads[
            thread
        ].digest == "d" * 64

    async def test_the_alert_of_a_mail_beyond_a_limit_is_known_with_it(
        self, cases: CasesUnderTest
    ) -> None:
        rules = {"invoices": Rules(max_new_cases_per_sender=1)}
        mails = [opened(name) for name in ("one", "two", "three")]
        done = plan(mails, await cases.snapshot(query(mails)), attempt="attempt", rules=rules)
        await write_plan(cases, done, "attempt")
        known = await cases.snapshot(SnapshotQuery([mail.key for mail in mails], [], []))
        alert = LimitAlert("sender", ANNA.address)
        assert [known.mails[mail.key].alert for mail in mails] == [None, alert, None]

    async def test_a_mail_by_reference_takes_its_reserved_id_along(
        self, cases: CasesUnderTest
    ) -> None:
        await write(
            cases, opened("one"), opened("two", "<3@x.example>", thread_ids=["<2@x.example>"])
        )
        await write(cases, item(appending("by number", 1), "<2@x.example>"))
        assert (await cases.all("threads"))[thread_id("invoices", "<2@x.example>")]["case"] == 1

    async def test_a_process_that_is_in_no_settings_writes_nothing(
        self, cases: CasesUnderTest
    ) -> None:
        unknown = item(opening("two", process="gone", mailbox="gone"))
        with pytest.raises(PermanentError, match="gone"):
            await write(cases, opened("one"), unknown)
        assert all(not documents for documents in (await everything(cases)).values())
        await write(cases, opened("three"))
        assert sorted(await cases.all("cases")) == [1]
