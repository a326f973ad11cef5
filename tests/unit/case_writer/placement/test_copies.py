"""The same mail by two routes is one mail: the second copy is recorded and has no other effect."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from schemas.cases import Authentication, Decision
from schemas.events import MailIgnored
from schemas.mails import Replay
from schemas.stored import thread_id
from services.case_writer.placement.plan import NewCase, Plan, PreparedMail
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot import (
    CaseSnapshot,
    RecordedMail,
    Snapshot,
    ThreadSnapshot,
)
from services.case_writer.recording.builder import TransactionContext, build_documents
from services.runtime.settings.schema.processes import Rules
from tests.builders import ANNA, EVE, JAN, NOW, STAGES, appending, item, opened, opening

A = "<a@x.example>"
CASE = CaseSnapshot("invoices", "registration", "open", "Invoice", frozenset({ANNA.address}))
DIGEST, OTHER = "1" * 64, "2" * 64


def place(*items: PreparedMail, **known: Any) -> Plan:
    return plan(items, Snapshot(**known), attempt="now")


def recorded_thread(digest: str | None = DIGEST) -> dict[str, Any]:
    """A thread in which a mail of case 5 claimed the id A."""
    return {
        "threads": {thread_id("invoices", A): ThreadSnapshot(5, "k" * 64, digest)},
        "cases": {5: CASE},
    }


def asides(done: Plan) -> list[tuple[str, str, Any]]:
    return [(mail.outcome, mail.reason, mail.refers_to) for mail in done.unassigned]


def test_a_copy_of_a_recorded_mail_is_ignored_and_refers_to_its_case() -> None:
    done = place(opened("copy", A, digest=DIGEST), **recorded_thread())
    assert (done.placed, done.new_cases, done.threads, done.senders) == ([], [], {}, {})
    assert asides(done) == [("ignored", "copy", 5)]
    [aside] = done.unassigned
    assert (aside.decision.resolution, aside.decision.evidence) == ("copy", ["k" * 64])


def test_within_one_batch_too_the_outcome_and_event_of_a_copy_name_the_case() -> None:
    first, copy = opened("first", A, digest=DIGEST), opened("copy", A, digest=DIGEST)
    done = place(first, copy, opened("third", A, digest=DIGEST))
    assert [placement.mail for placement in done.placed] == [first]
    written = build_documents(done, TransactionContext(NOW, "now", 7, STAGES, lambda *_: None))
    assert [(mail.outcome, mail.case, mail.refers_to) for mail in written.mails] == [
        ("opened", 7, None),
        ("ignored", None, 7),
        ("ignored", None, 7),
    ]
    assert [getattr(event, "reason", None) for event in written.events] == ["copy", "copy"]
    assert [event.case for event in written.events if isinstance(event, MailIgnored)] == [7, 7]
    assert [(thread.claimed_by, thread.digest) for thread in written.threads] == [
        (first.key, DIGEST)
    ]


def test_a_copy_of_an_answer_adds_no_second_comment() -> None:
    first, copy = (item(appending(name, 5), A, digest=DIGEST) for name in ("first", "copy"))
    done = place(first, copy, cases={5: CASE})
    assert [placement.mail.key for placement in done.placed] == [first.key]
    assert asides(done) == [("ignored", "copy", 5)]


def answer(name: str, verdict: Authentication) -> PreparedMail:
    """A copy of Anna's answer to case 5."""
    command = appending(name, 5)
    decision = msgspec.structs.replace(command.decision, authentication=verdict)
    return item(msgspec.structs.replace(command, decision=decision), A, author=ANNA, digest=DIGEST)


FOR_PARTICIPANTS = {"invoices": Rules(reply_from="participants")}


def test_a_stranger_who_sends_a_participants_answer_first_does_not_divert_it() -> None:
    forged, real = answer("forged", "fail"), answer("real", "pass")
    known = Snapshot(cases={5: CASE})
    done = plan([forged, real], known, attempt="now", rules=FOR_PARTICIPANTS)
    assert [(mail.mail.key, mail.opens) for mail in done.placed] == [
        (forged.key, True),
        (real.key, False),
    ]
    [joined] = (mail for mail in done.placed if not mail.opens)
    assert (joined.target, joined.flags) == (5, ("message-id-reused",))


def test_the_third_copy_of_an_answer_is_a_copy_of_the_one_that_was_placed() -> None:
    forged, real, third = answer("forged", "fail"), answer("real", "pass"), answer("third", "pass")
    known = Snapshot(cases={5: CASE})
    done = plan([forged, real, third], known, attempt="now", rules=FOR_PARTICIPANTS)
    assert [mail.mail.key for mail in done.placed] == [forged.key, real.key]
    assert asides(done) == [("ignored", "copy", 5)]
    [evidence] = done.unassigned[0].decision.evidence[-1:]
    assert evidence == real.key


NINE = CaseSnapshot("invoices", "registration", "open", "Invoice", frozenset({ANNA.address}))


def first_in_case_9(verdict: Authentication = "fail", **more: Any) -> dict[str, Any]:
    """The first copy of the answer is in case 9."""
    decision = answer("first", verdict).decision
    first = RecordedMail("opened", "invoices", 9, None, "earlier", decision=decision)
    return {
        "mails": {"k" * 64: replace(first, **more)},
        "threads": {thread_id("invoices", A): ThreadSnapshot(9, "k" * 64, DIGEST)},
        "cases": {5: CASE, 9: NINE},
    }


@pytest.mark.parametrize("verdict", ["", "pass"])
def test_a_forged_copy_in_the_database_does_not_divert_the_answer(verdict: Authentication) -> None:
    done = place(answer("real", verdict), **first_in_case_9())
    assert [(placed.target, placed.flags) for placed in done.placed] == [
        (5, ("message-id-reused",))
    ]
    thread = thread_id("invoices", A)
    assert (done.claims[thread], done.released) == (
        (5, done.placed[0].mail.key),
        {thread: "k" * 64},
    )


@pytest.mark.parametrize(
    "known",
    [
        first_in_case_9("pass", written_by="9.1"),  # a person split it off
        first_in_case_9("fail", written_by="9.1"),
        first_in_case_9("fail", outcome="appended"),
        first_in_case_9("fail", moved_from=5),
        first_in_case_9(""),  # case 5 came after it
        first_in_case_9() | {"mails": {}},
        first_in_case_9()
        | {"cases": {5: CASE, 9: replace(NINE, merged_into=7), 7: replace(NINE, title="Seven")}},
    ],
)
def test_a_late_copy_is_ignored_wherever_the_first_is_now(known: dict[str, Any]) -> None:
    done = place(answer("late", "pass"), **known)
    assert (done.placed, asides(done)) == ([], [("ignored", "copy", 9)])


def test_a_copy_of_a_reply_that_opened_a_case_does_not_join_the_case_of_the_original() -> None:
    original = "<original@x.example>"
    reply = item(opening("copy", thread_ids=[original]), A, author=ANNA, digest=DIGEST)
    known = first_in_case_9("")
    known["threads"][thread_id("invoices", original)] = ThreadSnapshot(5, "o" * 64)
    assert asides(place(reply, **known)) == [("ignored", "copy", 9)]


def test_in_another_process_the_same_mail_opens_a_case_of_that_process() -> None:
    there = item(opening("there", process="claims", mailbox="claims"), A, digest=DIGEST)
    done = place(opened("here", A, digest=DIGEST), there)
    assert [
        isinstance(placement.target, NewCase) and placement.target.process
        for placement in done.placed
    ] == [
        "invoices",
        "claims",
    ]


@pytest.mark.parametrize("known", [OTHER, None])
def test_whoever_knows_a_message_id_cannot_suppress_the_mail_that_bears_it(
    known: str | None,
) -> None:
    real = opened("real", A, author=JAN, digest=DIGEST)
    done = place(real, **recorded_thread(known))
    assert [(placement.opens, placement.flags) for placement in done.placed] == [
        (True, ("message-id-reused",))
    ]
    forged = opened("forged", A, author=EVE, digest=OTHER)
    assert len(place(forged, real).new_cases) == 2


def test_a_mail_without_a_message_id_is_no_copy() -> None:
    assert len(place(opened("one", digest=DIGEST), opened("two", digest=DIGEST)).new_cases) == 2


def test_a_mail_that_answers_brought_before_is_known_by_its_digest_too() -> None:
    known = {"threads": {thread_id("invoices", A): ThreadSnapshot(5, None)}, "cases": {5: CASE}}
    done = place(opened("first", A, digest=DIGEST), opened("copy", A, digest=DIGEST), **known)
    assert asides(done) == [("ignored", "copy", 5)]
    [claim] = build_documents(done, TransactionContext(NOW, "now", 7, STAGES)).claims
    assert (claim.case, claim.digest) == (5, DIGEST)


def ignored(one: PreparedMail, **more: Any) -> RecordedMail:
    decision = Decision(rule="new-case", resolution="copy")
    return RecordedMail(
        "ignored", "invoices", None, "copy", "earlier", **({"decision": decision} | more)
    )


def test_a_person_who_retries_a_copy_gets_a_case_for_it() -> None:
    retried = item(opening("copy", origin="retry"), A, digest=DIGEST)
    done = place(retried, mails={retried.key: ignored(retried)}, **recorded_thread())
    assert [(placement.opens, placement.flags) for placement in done.placed] == [
        (True, ("message-id-reused",))
    ]


def test_a_parked_mail_that_is_retried_after_a_copy_of_it_came_is_a_copy() -> None:
    retried = item(opening("copy", origin="retry"), A, digest=DIGEST)
    parked = RecordedMail("parked", "invoices", None, "spam", "earlier")
    assert asides(place(retried, mails={retried.key: parked}, **recorded_thread())) == [
        ("ignored", "copy", 5)
    ]


@pytest.mark.parametrize(
    "decision", [Decision(rule="new-case"), Decision(rule="case-reference", cases=[4])]
)
def test_a_copy_stays_one_when_it_is_derived_again(decision: Decision) -> None:
    command = opening("copy", origin="replay", replay=Replay(run="r", rederive=True, move=True))
    again = item(msgspec.structs.replace(command, decision=decision), A, digest=DIGEST)
    done = place(again, mails={again.key: ignored(again)}, **recorded_thread())
    assert (done.placed, done.unassigned, done.mismatches, done.retried, done.updated) == (
        [],
        [],
        {},
        {},
        [],
    )


def test_after_a_restore_the_mail_of_the_case_is_back_and_does_not_count_as_a_copy() -> None:
    mail = opened("first", A, digest=DIGEST)
    replay = Replay(run="r", case=5, opener=mail.key)
    command = msgspec.structs.replace(
        mail.command,
        mail=msgspec.structs.replace(mail.command.mail, origin="replay", replay=replay),
    )
    first, copy = (
        PreparedMail(command, mail.reading),
        item(opening("copy", origin="replay"), A, digest=DIGEST),
    )
    done = place(first, copy)
    assert [placement.mail.key for placement in done.placed] == [first.key]
    assert [mail.reason for mail in done.unassigned] == ["copy"]
