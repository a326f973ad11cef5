"""Replayed mails return to their cases, in any order; recorded ones are decided again in place."""

from typing import Any

import msgspec
import pytest

from schemas.cases import Decision, ParkMail
from schemas.flags import CommentFlag
from schemas.mails import Replay
from schemas.reasons import ParkReason
from schemas.stored import Comment, Person
from services.case_writer.placement.plan import NewCase, Plan, PreparedMail
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot import (
    CaseSnapshot,
    RecordedMail,
    Snapshot,
    ThreadSnapshot,
)
from services.case_writer.placement.snapshot_query import query
from services.case_writer.recording.builder import TransactionContext, build_documents
from tests.builders import ANNA, NOW, STAGES, appending, ignoring, item, opened, parking
from tests.unit.case_writer.recording.test_documents import LATER

CASE = CaseSnapshot("invoices", "approval", "open", "Invoice 17", frozenset({ANNA.address}))


def replayed(one: PreparedMail, **wanted: Any) -> PreparedMail:
    mail = msgspec.structs.replace(
        one.command.mail, origin="replay", replay=Replay(run="r", **wanted)
    )
    return PreparedMail(
        msgspec.structs.replace(one.command, mail=mail), one.reading, one.attachments, one.original
    )


def place(*items: PreparedMail, **known: Any) -> Plan:
    return plan(items, Snapshot(**known), attempt="attempt")


def numbers(done: Plan, first: int = 100) -> dict[str, int | None]:
    written = build_documents(done, TransactionContext(LATER, "attempt", first, STAGES))
    return {mail.id: mail.case for mail in written.mails}


class TestRestoring:
    def test_a_mail_opens_its_case_under_the_number_that_it_had(self) -> None:
        mail = opened("m")
        assert numbers(place(replayed(mail, case=7, opener=mail.key))) == {mail.key: 7}

    def test_other_new_cases_are_numbered_as_usual(self) -> None:
        mail, other = opened("m"), opened("n")
        done = place(other, replayed(mail, case=7, opener=mail.key))
        assert numbers(done) == {other.key: 100, mail.key: 7}

    def test_a_reply_follows_the_mail_that_opened_its_case(self) -> None:
        first, reply = opened("m"), opened("r")
        recorded = RecordedMail("opened", "invoices", 12, None, "w")
        done = place(
            replayed(reply, case=7, opener=first.key), mails={first.key: recorded}, cases={12: CASE}
        )
        assert numbers(done) == {reply.key: 12}

    def test_a_reply_follows_it_within_a_batch_too(self) -> None:
        first, reply = opened("m"), opened("r")
        done = place(
            replayed(first, case=7, opener=first.key), replayed(reply, case=7, opener=first.key)
        )
        assert numbers(done) == {first.key: 7, reply.key: 7}
        assert [placement.opens for placement in done.placed] == [True, False]

    def test_a_reply_before_its_case_is_parked_and_no_case_is_opened_for_it(self) -> None:
        reply = opened("r")
        done = place(replayed(reply, case=7, opener="a" * 64))
        assert [(mail.outcome, mail.reason) for mail in done.unassigned] == [
            ("parked", ParkReason.CASE_NOT_RESTORED)
        ]

    def test_it_joins_its_case_when_it_is_replayed_once_more(self) -> None:
        first, reply = opened("m"), replayed(opened("r"), case=7, opener=opened("m").key)
        mails = {
            first.key: RecordedMail("opened", "invoices", 7, None, "w"),
            reply.key: RecordedMail("parked", "invoices", None, ParkReason.CASE_NOT_RESTORED, "w"),
        }
        assert numbers(place(reply, mails=mails, cases={7: CASE})) == {reply.key: 7}
        del mails[first.key]
        assert place(reply, mails=mails, cases={7: CASE}) == Plan()

    def test_a_number_that_another_case_has_now_is_left_to_it(self) -> None:
        mail = opened("m")
        done = place(replayed(mail, case=7, opener=mail.key), cases={7: CASE})
        assert numbers(done) == {mail.key: 100}
        assert CommentFlag.NUMBER_TAKEN in done.placed[0].flags

    def test_without_the_opening_mail_a_reply_goes_by_the_number(self) -> None:
        reply = opened("r")
        assert numbers(place(replayed(reply, case=7), cases={7: CASE})) == {reply.key: 7}
        assert place(replayed(reply, case=7)).unassigned[0].reason == ParkReason.CASE_NOT_RESTORED

    @pytest.mark.parametrize("command", [parking("m"), ignoring("m")])
    def test_what_the_rules_would_do_today_does_not_matter(self, command: ParkMail) -> None:
        read = PreparedMail(command, opened("m").reading)
        mail = replayed(read, case=7, opener=read.key)
        assert numbers(place(mail)) == {mail.key: 7}

    def test_a_mail_parked_for_missing_content_is_placed_once_anyone_provides_it(
        self,
    ) -> None:
        mail = opened("m")
        known = {
            mail.key: RecordedMail("parked", "invoices", None, ParkReason.CONTENT_MISSING, "w", 0)
        }
        assert numbers(place(mail, mails=known)) == {mail.key: 100}

    def test_the_same_holds_if_the_rules_park_it_once_it_is_whole(self) -> None:
        mail = item(parking("m"))
        known = {
            mail.key: RecordedMail("parked", "invoices", None, ParkReason.CONTENT_MISSING, "w", 0)
        }
        assert [parked.reason for parked in place(mail, mails=known).unassigned] == ["virus"]
        without = PreparedMail(mail.command, None)
        assert place(without, mails=known).unassigned == []

    def test_everything_that_it_asks_about_is_in_the_query(self) -> None:
        asked = query([replayed(opened("r"), case=7, opener="a" * 64)])
        assert "a" * 64 in asked.mails
        assert asked.cases == [7]
        assert asked.comments == []


def recorded(
    one: PreparedMail, case: int | None, outcome: Any = "opened", **more: Any
) -> RecordedMail:
    fields = {"decision": one.command.decision, "reason": None, "written_by": "before"} | more
    return RecordedMail(outcome=outcome, process="invoices", case=case, **fields)


def comment(one: PreparedMail, case: int, **more: Any) -> Comment:
    fields: dict[str, Any] = {
        "id": one.key,
        "case": case,
        "kind": "mail",
        "at": NOW,
        "sent_at": NOW,
        "author": Person(ANNA.name, ANNA.address),
        "subject": "Invoice 17",
        "text": "Hello",
        "full_text": "Hello",
        "html": None,
        "message_id": None,
        "in_reply_to": None,
        "attachments": [],
        "original": None,
        "flags": [],
    }
    return Comment(**(fields | more))


def again(
    one: PreparedMail,
    before: RecordedMail,
    old: Comment | None = None,
    *,
    move: bool = False,
    **known: Any,
) -> Plan:
    return place(
        replayed(one, rederive=True, move=move),
        mails={one.key: before},
        comments={one.key: old} if old else {},
        cases=known.pop("cases", {5: CASE, 7: CASE}),
        **known,
    )


def replaced(done: Plan) -> list[tuple[int, str, str, str]]:
    written = build_documents(done, TransactionContext(LATER, "attempt", 100, STAGES))
    assert written.mails == []
    return [
        (comment.comment.case, comment.outcome, comment.comment.text, comment.decision.rule)
        for comment in written.replaced
    ]


class TestRederiving:
    def test_what_reads_as_before_is_left_alone(self) -> None:
        one = opened("m")
        assert replaced(again(one, recorded(one, 5), comment(one, 5))) == []

    def test_what_reads_otherwise_is_replaced_in_its_case(self) -> None:
        one = opened("m")
        done = again(one, recorded(one, 5), comment(one, 5, text="garbled"))
        assert replaced(done) == [(5, "opened", "Hello", "new-case")]
        assert done.mismatches == {}

    def test_what_was_decided_when_it_came_keeps_its_flags(self) -> None:
        one = opened("m")
        old = comment(one, 5, text="garbled", flags=["unverified-sender", "html-shortened"])
        written = build_documents(
            again(one, recorded(one, 5), old), TransactionContext(LATER, "attempt", 100, STAGES)
        )
        assert written.replaced[0].comment.flags == ["unverified-sender"]

    def test_a_thread_that_came_together_later_moves_nothing(self) -> None:
        one = opened("m", thread_ids=["<0@x.example>"])
        threads = {"invoices <0@x.example>": ThreadSnapshot(7, "z" * 64)}
        done = again(one, recorded(one, 5), comment(one, 5), move=True, threads=threads)
        assert (replaced(done), done.mismatches) == ([], {})

    @pytest.mark.parametrize("move", [False, True])
    def test_a_number_that_was_overlooked_leads_to_its_case_only_with_move(
        self, move: bool
    ) -> None:
        one = item(appending("m", 7))
        before = recorded(one, 5, decision=Decision(rule="new-case"))
        done = again(one, before, comment(one, 5), move=move)
        assert replaced(done) == ([(7, "appended", "Hello", "case-reference")] if move else [])
        assert [(key, one.target) for key, one in done.mismatches.items()] == (
            [] if move else [(one.key, 7)]
        )

    @pytest.mark.parametrize("move", [False, True])
    def test_a_number_that_no_longer_counts_opens_a_case_only_with_move(self, move: bool) -> None:
        one = opened("m")
        before = recorded(one, 5, "appended", decision=Decision(rule="case-reference", cases=[5]))
        done = again(one, before, comment(one, 5), move=move)
        assert replaced(done) == ([(100, "opened", "Hello", "new-case")] if move else [])
        assert [isinstance(mismatch.target, NewCase) for mismatch in done.mismatches.values()] == (
            [] if move else [True]
        )

    def test_a_mail_in_a_case_is_never_taken_out_of_it_by_the_rules(self) -> None:
        one = PreparedMail(parking("m", reason="spam"), opened("m").reading)
        old = comment(one, 5, text="garbled")
        done = again(one, recorded(one, 5, decision=Decision(rule="new-case")), old, move=True)
        assert replaced(done) == [(5, "opened", "Hello", "new-case")]
        assert [(mismatch.target, mismatch.detail) for mismatch in done.mismatches.values()] == [
            (None, "spam")
        ]

    def test_a_decision_of_today_that_leads_to_the_same_case_is_recorded(self) -> None:
        one = item(appending("m", 5))
        before = recorded(one, 5, "appended", decision=Decision(rule="plus-address", cases=[5, 7]))
        assert replaced(again(one, before, comment(one, 5))) == [
            (5, "appended", "Hello", "case-reference")
        ]

    def test_a_parked_mail_that_the_rules_let_through_is_placed_only_with_move(self) -> None:
        one = opened("m")
        before = recorded(one, None, "parked", reason="spam", decision=Decision(rule="spam"))
        listed = again(one, before)
        assert (list(listed.mismatches), listed.retried, listed.placed) == ([one.key], {}, [])
        moved = again(one, before, move=True)
        assert (moved.mismatches, list(moved.retried)) == ({}, [one.key])
        assert numbers(moved) == {one.key: 100}

    def test_a_mail_that_failed_to_be_read_may_be_readable_now(self) -> None:
        one = opened("m")
        before = recorded(one, None, "parked", reason="reading-failed")
        assert numbers(again(one, before, move=True)) == {one.key: 100}

    def test_what_a_person_discarded_stays_discarded(self) -> None:
        one = opened("m")
        before = recorded(one, None, "ignored", reason="discarded", decision=Decision(rule="spam"))
        done = again(one, before, move=True)
        assert (done.mismatches, done.retried, done.placed) == ({}, {}, [])

    def test_another_reason_to_park_is_recorded(self) -> None:
        one = item(parking("m", reason="denied-sender"))
        before = recorded(one, None, "parked", reason="spam", decision=Decision(rule="spam"))
        assert [
            (verdict.reason, verdict.decision.rule) for verdict in again(one, before).updated
        ] == [("denied-sender", "denied-sender")]

    def test_a_mail_without_an_outcome_is_placed_as_any_other(self) -> None:
        one = opened("m")
        assert numbers(place(replayed(one, rederive=True))) == {one.key: 100}
