"""Which case a mail belongs to, in any order of arrival; on values, without a database."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from schemas.cases import Decision
from schemas.stored import thread_id
from services.case_writer.placement.case_resolver import MAX_PARTICIPANTS
from services.case_writer.placement.plan import NewCase, Placed, Plan, PreparedMail
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot import (
    CaseSnapshot,
    RecordedMail,
    Snapshot,
    ThreadSnapshot,
)
from services.case_writer.placement.snapshot_query import query
from services.case_writer.placement.threads import MAX_RESERVED
from services.case_writer.recording.builder import TransactionContext, build_documents
from services.runtime.mail.headers import Address
from tests.builders import (
    ANNA,
    EVE,
    JAN,
    NOW,
    OFFICE,
    STAGES,
    appending,
    ignoring,
    item,
    opened,
    opening,
    parking,
)

A, B, C = "<a@x.example>", "<b@x.example>", "<c@x.example>"


def case(*participants: str, process: str = "invoices") -> CaseSnapshot:
    return CaseSnapshot(
        process, "registration", "open", "Invoice", frozenset(participants or (ANNA.address,))
    )


def threads(**claimed: tuple[int, str | None]) -> dict[str, ThreadSnapshot]:
    """`a=(5, None)`: the id A of the process invoices belongs to case 5, but its mail has not
    arrived yet.
    """
    ids = {"a": A, "b": B, "c": C}
    return {
        thread_id("invoices", ids[name]): ThreadSnapshot(*value) for name, value in claimed.items()
    }


def place(*items: PreparedMail, own: Sequence[str] = (), **known: Any) -> Plan:
    return plan(items, Snapshot(**known), attempt="now", own_addresses=frozenset(own))


def the_one(done: Plan) -> Placed:
    [placed] = done.placed
    return placed


def recorded(**more: Any) -> RecordedMail:
    fields: dict[str, Any] = {"outcome": "opened", "process": "invoices", "case": 5, "reason": None}
    return RecordedMail(**(fields | {"written_by": "earlier"} | more))


class TestByReference:
    def test_a_mail_joins_the_first_case_that_exists(self) -> None:
        placed = the_one(place(item(appending("m", 7, 5, 3)), cases={3: case(), 5: case()}))
        assert (placed.target, placed.opens, placed.decision.resolution) == (5, False, None)

    def test_a_case_of_another_process_is_joined_and_named(self) -> None:
        placed = the_one(place(item(appending("m", 5)), cases={5: case(process="claims")}))
        assert (placed.target, placed.process) == (5, "claims")

    def test_a_number_without_a_case_opens_one_and_says_so(self) -> None:
        placed = the_one(place(item(appending("m", 7))))
        assert isinstance(placed.target, NewCase)
        assert placed.opens
        assert placed.decision == Decision(
            rule="case-reference", cases=[7], resolution="no-such-case"
        )

    def test_a_number_without_a_case_still_lets_the_thread_decide(self) -> None:
        mail = item(appending("m", 7, thread_ids=[A]))
        placed = the_one(place(mail, threads=threads(a=(5, "k")), cases={5: case()}))
        assert (placed.target, placed.decision.rule, placed.decision.resolution) == (
            5,
            "thread",
            "no-such-case",
        )

    def test_the_number_wins_over_the_thread(self) -> None:
        mail = item(appending("m", 3, thread_ids=[A]))
        known: dict[str, Any] = {"threads": threads(a=(5, "k")), "cases": {3: case(), 5: case()}}
        assert the_one(place(mail, **known)).target == 3

    def test_a_mail_by_number_brings_its_reserved_id_into_that_case(self) -> None:
        mail = item(appending("m", 3), A)
        done = place(mail, threads=threads(a=(5, None)), cases={3: case(), 5: case()})
        assert done.claims == {thread_id("invoices", A): (3, mail.key)}


class TestByThread:
    def test_a_reply_joins_the_case_of_what_it_answers(self) -> None:
        placed = the_one(
            place(opened("m", B, thread_ids=[A]), threads=threads(a=(5, "k")), cases={5: case()})
        )
        assert (placed.target, placed.decision.rule, placed.decision.evidence) == (5, "thread", [A])

    def test_the_nearest_known_id_decides(self) -> None:
        known: dict[str, Any] = {
            "threads": threads(a=(5, "k"), b=(6, "l")),
            "cases": {5: case(), 6: case()},
        }
        assert (
            the_one(place(opened("m", thread_ids=["<new@x.example>", B, A]), **known)).target == 6
        )

    def test_a_mail_that_was_answered_before_it_came_joins_the_answer(self) -> None:
        mail = opened("m", A)
        done = place(mail, threads=threads(a=(5, None)), cases={5: case()})
        assert the_one(done).target == 5
        assert done.claims == {thread_id("invoices", A): (5, mail.key)}
        assert done.new_cases == []

    def test_the_same_id_in_another_process_is_another_thread(self) -> None:
        other = item(opening("m", process="claims", mailbox="claims", thread_ids=[A]), A)
        done = place(other, threads=threads(a=(5, None)), cases={5: case()})
        assert the_one(done).opens
        assert thread_id("claims", A) in done.threads

    def test_a_mail_that_refers_to_itself_is_no_reply(self) -> None:
        done = place(opened("m", A, thread_ids=[A]))
        assert the_one(done).opens
        assert len(done.threads) == 1
        assert the_one(done).decision.rule == "new-case"

    def test_two_replies_to_a_mail_that_never_came_share_a_case(self) -> None:
        done = place(opened("one", B, thread_ids=[A]), opened("two", C, thread_ids=[A]))
        assert [placement.opens for placement in done.placed] == [True, False]
        assert done.placed[0].target is done.placed[1].target

    def test_a_mail_without_an_id_opens_a_case_and_claims_nothing(self) -> None:
        done = place(opened("m"))
        assert the_one(done).opens
        assert done.threads == {}

    def test_a_mail_claims_its_own_id_and_reserves_the_others(self) -> None:
        mail = opened("m", A, thread_ids=[B, C])
        done = place(mail)
        target = the_one(done).target
        assert done.threads == {
            thread_id("invoices", A): (target, mail.key),
            thread_id("invoices", B): (target, None),
            thread_id("invoices", C): (target, None),
        }

    def test_the_ids_reserved_for_one_mail_are_bounded(self) -> None:
        many = [f"<{number}@x.example>" for number in range(3 * MAX_RESERVED)]
        done = place(opened("m", thread_ids=many))
        assert [key for key, (_, claimed) in done.threads.items() if claimed is None] == [
            thread_id("invoices", message_id) for message_id in many[:MAX_RESERVED]
        ]

    def test_an_id_that_is_known_is_not_written_again(self) -> None:
        done = place(
            opened("m", B, thread_ids=[A, C]),
            threads=threads(a=(5, "k"), c=(6, None)),
            cases={5: case()},
        )
        assert list(done.threads) == [thread_id("invoices", B)]
        assert done.claims == {}


class TestReservedIds:
    """A mail that refers to an id not seen yet reserves it, but gains no influence on its author's
    mail.
    """

    def test_a_mail_whose_id_a_stranger_named_opens_a_case_that_refers_to_the_strangers(
        self,
    ) -> None:
        mail = opened("m", A, author=JAN)
        done = place(mail, threads=threads(a=(5, None)), cases={5: case(EVE.address)})
        placed = the_one(done)
        assert (placed.opens, placed.decision.resolution) == (True, "id-reserved")
        assert done.new_cases[0].refers_to == 5
        assert done.claims == {thread_id("invoices", A): (placed.target, mail.key)}

    @pytest.mark.parametrize("real_first", [False, True])
    def test_answers_to_it_follow_its_author_whichever_comes_first(self, real_first: bool) -> None:
        forged = opened("forged", B, thread_ids=[A], author=EVE)
        real = opened("real", A, author=JAN)
        answer = opened("answer", C, thread_ids=[A], author=ANNA)
        done = place(*([real, forged] if real_first else [forged, real]), answer)
        by_key = {placement.mail.key: placement for placement in done.placed}
        assert by_key[real.key].opens
        assert by_key[answer.key].target is by_key[real.key].target
        assert done.threads[thread_id("invoices", A)] == (by_key[real.key].target, real.key)
        if not real_first:
            assert by_key[forged.key].target is not by_key[real.key].target
            written = build_documents(done, TransactionContext(NOW, "now", 7, STAGES))
            assert [(case.number, case.refers_to) for case in written.cases] == [(7, None), (8, 7)]

    def test_an_answer_to_an_id_that_only_a_stranger_named_does_not_join_their_case(self) -> None:
        mail = opened("m", B, thread_ids=[A], author=JAN)
        done = place(mail, threads=threads(a=(5, None)), cases={5: case(EVE.address)})
        assert the_one(done).opens
        assert done.new_cases[0].refers_to == 5
        assert (list(done.threads), done.claims) == ([thread_id("invoices", B)], {})

    def test_a_claimed_id_counts_before_a_reserved_one_of_strangers(self) -> None:
        known: dict[str, Any] = {"cases": {5: case(EVE.address), 6: case(ANNA.address)}}
        mail = opened("m", thread_ids=[A, B], author=JAN)
        placed = the_one(place(mail, threads=threads(a=(5, None), b=(6, "k")), **known))
        assert (placed.target, placed.decision.evidence) == (6, [B])

    def test_an_automatic_answer_gets_into_no_case_by_a_reserved_id(self) -> None:
        command = appending("m", thread_ids=[A])
        command = msgspec.structs.replace(
            command, kind="automatic", otherwise="ignore", reason="automatic-reply"
        )
        done = place(
            item(command, B, author=JAN), threads=threads(a=(5, None)), cases={5: case(EVE.address)}
        )
        assert [(mail.outcome, mail.reason) for mail in done.unassigned] == [
            ("ignored", "automatic-reply")
        ]


class TestReusedIds:
    def test_an_id_claimed_by_another_mail_is_no_thread(self) -> None:
        done = place(opened("m", A), threads=threads(a=(5, "another mail")), cases={5: case()})
        assert the_one(done).opens
        assert the_one(done).flags == ("message-id-reused",)
        assert (done.threads, done.claims) == ({}, {})

    def test_the_same_holds_within_one_batch(self) -> None:
        done = place(opened("one", A), opened("two", A), opened("three", A))
        assert [(placement.opens, placement.flags) for placement in done.placed] == [
            (True, ()),
            (True, ("message-id-reused",)),
            (True, ("message-id-reused",)),
        ]
        assert len(done.new_cases) == 3

    def test_a_mail_with_a_reused_id_still_joins_what_it_answers(self) -> None:
        known: dict[str, Any] = {
            "threads": threads(a=(5, "k"), b=(6, "l")),
            "cases": {5: case(), 6: case()},
        }
        placed = the_one(place(opened("m", A, thread_ids=[B]), **known))
        assert (placed.target, placed.flags) == (6, ("message-id-reused",))

    def test_an_answer_to_a_reused_id_joins_the_first_mail_that_bore_it(self) -> None:
        done = place(opened("one", A), opened("two", A), opened("answer", B, thread_ids=[A]))
        assert done.placed[2].target is done.placed[0].target


class TestWithinOneBatch:
    @pytest.mark.parametrize(
        "order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    )
    def test_a_thread_is_one_case_whichever_mail_comes_first(self, order: tuple[int, ...]) -> None:
        mails = [
            opened("first", A),
            opened("answer", B, thread_ids=[A]),
            opened("answer to the answer", C, thread_ids=[B, A]),
        ]
        done = place(*(mails[index] for index in order))
        assert len(done.new_cases) == 1
        assert {id(placement.target) for placement in done.placed} == {id(done.new_cases[0])}
        keys = {mail.reading.message_id: mail.key for mail in mails if mail.reading}
        assert done.threads == {
            thread_id("invoices", one): (done.new_cases[0], key)
            for one, key in keys.items()
            if one is not None
        }
        assert all(not placement.flags for placement in done.placed)

    def test_strangers_get_a_case_each(self) -> None:
        done = place(opened("one", A), opened("two", B), opened("three"))
        assert len(done.new_cases) == 3

    def test_a_reserved_id_of_the_database_is_claimed_by_the_first_only(self) -> None:
        first = opened("one", A)
        done = place(first, opened("two", A), threads=threads(a=(5, None)), cases={5: case()})
        assert done.claims == {thread_id("invoices", A): (5, first.key)}
        assert done.placed[1].opens
        assert done.placed[1].flags == ("message-id-reused",)

    def test_parked_and_ignored_mails_are_planned_with_the_others(self) -> None:
        done = place(item(parking("p")), opened("m"), item(ignoring("i")))
        assert [(mail.outcome, mail.reason) for mail in done.unassigned] == [
            ("parked", "virus"),
            ("ignored", "loop"),
        ]
        assert len(done.placed) == 1

    def test_a_mail_to_be_placed_must_have_been_read(self) -> None:
        with pytest.raises(ValueError, match="was not read"):
            place(PreparedMail(opening("m"), None))


class TestDeliveries:
    def test_a_mail_twice_in_a_batch_is_written_once(self) -> None:
        mail = opened("m", A)
        done = place(mail, mail, mail)
        assert len(done.placed) == 1
        assert done.duplicates == [mail.key, mail.key]

    def test_a_mail_that_another_attempt_wrote_is_a_duplicate(self) -> None:
        mail = opened("m", A)
        done = place(mail, mails={mail.key: recorded()})
        assert (done.placed, done.duplicates, done.written_before) == ([], [mail.key], {})

    def test_a_parked_mail_that_comes_again_stays_parked(self) -> None:
        mail = item(parking("p"))
        done = place(mail, mails={mail.key: recorded(outcome="parked", case=None)})
        assert (done.unassigned, done.duplicates) == ([], [mail.key])

    def test_a_replay_of_a_recorded_mail_has_no_effect_at_all(self) -> None:
        mail = item(opening("m", origin="replay"))
        assert place(mail, mails={mail.key: recorded()}) == Plan()

    def test_a_replay_of_a_mail_never_recorded_is_placed(self) -> None:
        assert the_one(place(item(opening("m", origin="replay")))).opens

    def test_a_replay_and_a_fetched_mail_in_one_batch_count_the_fetched_one(self) -> None:
        fetched, replayed = opened("m"), item(opening("m", origin="replay"))
        assert place(fetched, replayed).duplicates == []
        assert place(replayed, fetched).duplicates == [fetched.key]

    def test_after_an_unclear_commit_a_writer_knows_its_own_work(self) -> None:
        mail, earlier = opened("m", A), opened("earlier")
        mine = recorded(written_by="now")
        done = place(mail, mail, earlier, mails={mail.key: mine, earlier.key: recorded(case=4)})
        assert done.written_before == {mail.key: mine, earlier.key: recorded(case=4)}
        assert (done.placed, done.duplicates, done.threads) == ([], [], {})


class TestParticipants:
    def test_author_and_recipients_of_the_first_mail_take_part(self) -> None:
        done = place(opened("m", recipients=[OFFICE, JAN, ANNA]), own=[OFFICE.address])
        assert done.new_cases[0].participants == [ANNA.address, JAN.address]

    def test_a_participant_brings_others_in(self) -> None:
        mail = item(appending("m", 5, signed=[5]), author=ANNA, recipients=[JAN, OFFICE])
        placed = the_one(place(mail, cases={5: case(ANNA.address)}, own=[OFFICE.address]))
        assert (placed.joins, placed.flags) == ((JAN.address,), ())

    def test_a_stranger_who_knows_the_number_is_flagged_and_brings_in_nobody(self) -> None:
        mail = item(appending("m", 5), author=EVE, recipients=[JAN])
        placed = the_one(place(mail, cases={5: case(ANNA.address)}))
        assert (placed.joins, placed.flags) == ((), ("unverified-sender",))

    def test_whoever_joined_earlier_in_the_batch_is_no_stranger(self) -> None:
        invites = item(appending("one", 5, signed=[5]), author=ANNA, recipients=[JAN])
        answers = item(appending("two", 5, signed=[5]), author=JAN, recipients=[EVE, JAN])
        done = place(invites, answers, cases={5: case(ANNA.address)})
        assert [(placement.joins, placement.flags) for placement in done.placed] == [
            ((JAN.address,), ()),
            ((EVE.address,), ()),
        ]

    def test_large_and_small_letters_are_one_person(self) -> None:
        shouting = Address("", ANNA.address.replace("anna", "ANNA"))
        mail = item(
            appending("m", 5),
            author=shouting,
            recipients=[ANNA, Address("", "Invoices@office.example")],
        )
        placed = the_one(
            place(mail, cases={5: case("Anna@customer.example")}, own=[OFFICE.address])
        )
        assert (placed.joins, placed.flags) == ((), ())

    def test_nobody_and_nothing_are_not_participants(self) -> None:
        done = place(opened("m", author=Address("Nobody", ""), recipients=[Address("Group", "")]))
        assert done.new_cases[0].participants == []

    def test_a_sender_without_an_address_is_a_stranger(self) -> None:
        mail = item(appending("m", 5), author=Address("Nobody", ""), recipients=[])
        assert the_one(place(mail, cases={5: case()})).flags == ("unverified-sender",)

    def test_participants_are_bounded_over_a_whole_batch(self) -> None:
        crowd = [Address("", f"{number}@x.example") for number in range(MAX_PARTICIPANTS)]
        half = MAX_PARTICIPANTS // 2
        mails = [
            item(appending(str(part[0]), 5, signed=[5]), recipients=part)
            for part in (crowd[:half], crowd[half:])
        ]
        done = place(*mails, cases={5: case(ANNA.address)})
        assert sum(len(placement.joins) for placement in done.placed) == MAX_PARTICIPANTS - 1
        assert (
            len(place(opened("m", recipients=crowd)).new_cases[0].participants) == MAX_PARTICIPANTS
        )


def test_a_query_requests_everything_that_placement_looks_up() -> None:
    items = [opened("one", A, thread_ids=[B]), item(appending("two", 7, 5)), item(parking("p"))]
    asked = query(items)
    assert asked.mails == [item.key for item in items]
    assert asked.cases == [7, 5]
    assert asked.threads == [thread_id("invoices", A), thread_id("invoices", B)]
