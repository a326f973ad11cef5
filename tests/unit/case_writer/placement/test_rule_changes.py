"""A mail is rederived after the settings of its process have changed."""

from typing import Any

import msgspec
import pytest

from schemas.cases import AppendToCase, Decision
from schemas.mails import Replay
from schemas.stored import Comment
from services.case_writer.placement.plan import NewCase, Plan, PreparedMail
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot import CaseSnapshot, RecordedMail, Snapshot
from services.case_writer.recording.builder import TransactionContext, build_documents
from services.runtime.settings.schema.processes import Rules
from tests.builders import ANNA, EVE, STAGES, appending, item
from tests.unit.case_writer.placement.test_replays import comment
from tests.unit.case_writer.recording.test_documents import LATER

NUMBER = Decision(rule="case-reference", cases=[5])
STRANGER = ["unverified-sender"]


def case(process: str = "invoices", **more: Any) -> CaseSnapshot:
    return CaseSnapshot(
        process,
        "registration",
        more.pop("status", "open"),
        "Invoice",
        frozenset({ANNA.address}),
        **more,
    )


CASES = {5: case(), 7: case(refers_to=5)}


def again(
    one: PreparedMail,
    before: RecordedMail,
    *,
    move: bool = True,
    flags: list[str] | None = None,
    cases: dict[int, CaseSnapshot] | None = None,
    **rules: Any,
) -> Plan:
    """Rederive a mail whose comment has these flags, under these settings."""
    replay = Replay(run="r", rederive=True, move=move)
    mail = msgspec.structs.replace(one.command.mail, origin="replay", replay=replay)
    asked = PreparedMail(
        msgspec.structs.replace(one.command, mail=mail), one.reading, one.attachments, one.original
    )
    known = Snapshot(
        mails={one.key: before},
        cases=cases or CASES,
        comments={one.key: old(one, before.case, flags or [])} if before.case else {},
    )
    return plan(
        [asked], known, attempt="now", rules={"invoices": Rules(**rules), "claims": Rules(**rules)}
    )


def old(one: PreparedMail, number: int, flags: list[str]) -> Comment:
    return comment(one, number, flags=flags)


def recorded(
    case_: int | None, outcome: Any = "appended", resolution: str | None = None, **more: Any
) -> RecordedMail:
    decision = msgspec.structs.replace(NUMBER, resolution=resolution)
    fields: dict[str, Any] = {
        "decision": decision,
        "reason": None,
        "written_by": "before",
        "process": "invoices",
    }
    return RecordedMail(outcome=outcome, case=case_, **(fields | more))


def moved(done: Plan) -> list[tuple[int, str, int | None, str | None]]:
    """For each moved mail: its case, its outcome, the case that a new one refers to, and the
    resolution.
    """
    written = build_documents(done, TransactionContext(LATER, "now", 100, STAGES))
    refers = {case.number: case.refers_to for case in written.cases}
    return [
        (
            comment.comment.case,
            comment.outcome,
            refers.get(comment.comment.case),
            comment.decision.resolution,
        )
        for comment in written.replaced
        if comment.moves
    ]


def listed(done: Plan) -> list[tuple[Any, str]]:
    return [
        ("new" if isinstance(mismatch.target, NewCase) else mismatch.target, mismatch.detail)
        for mismatch in done.mismatches.values()
    ]


EVES = item(appending("m", 5), author=EVE)


@pytest.mark.parametrize(
    ("before", "flags", "rules", "setting", "target"),
    [
        (
            recorded(5),
            STRANGER,
            {"reply_from": "participants"},
            "reply_from",
            (100, "opened", 5, "not-a-participant"),
        ),
        (
            recorded(7, "opened", "not-a-participant"),
            [],
            {},
            "reply_from",
            (5, "appended", None, None),
        ),
        (
            recorded(5, reopened=True),
            [],
            {"reply_to_closed": "new-case"},
            "reply_to_closed",
            (100, "opened", 5, "case-closed"),
        ),
        (
            recorded(7, "opened", "case-closed"),
            [],
            {},
            "reply_to_closed",
            (5, "appended", None, None),
        ),
        (
            recorded(7, "opened", "other-process"),
            [],
            {},
            "reference_scope",
            (5, "appended", None, None),
        ),
    ],
)
def test_a_mail_that_the_settings_of_today_put_elsewhere_moves_only_with_move(
    before: RecordedMail,
    flags: list[str],
    rules: dict[str, Any],
    setting: str,
    target: tuple[Any, ...],
) -> None:
    one = item(appending("m", 5), author=EVE if flags else ANNA)
    only_listed = again(one, before, flags=flags, move=False, **rules)
    expected = "new" if target[1] == "opened" else target[0]
    assert (moved(only_listed), listed(only_listed)) == ([], [(expected, setting)])
    done = again(one, before, flags=flags, **rules)
    assert (moved(done), listed(done)) == ([target], [])


def test_a_number_of_another_process_gives_a_case_of_its_own_once_the_settings_keep_to_their_own() -> (
    None
):
    one = item(appending("m", 5))
    done = again(one, recorded(5), cases={5: case("claims")}, reference_scope="process")
    assert moved(done) == [(100, "opened", None, "other-process")]


@pytest.mark.parametrize(
    ("before", "flags", "rules"),
    [
        (recorded(5), [], {"reply_from": "participants"}),
        (recorded(5), STRANGER, {}),
        (recorded(7, "opened", "not-a-participant"), [], {"reply_from": "participants"}),
        (recorded(7, "opened", "case-closed"), [], {"reply_to_closed": "new-case"}),
        (recorded(7, "opened", "other-process"), [], {"reference_scope": "process"}),
        (recorded(5, resolution="released"), STRANGER, {"reply_from": "hold"}),
        (recorded(5, resolution="released"), STRANGER, {"reply_from": "participants"}),
        (recorded(5, reopened=True), [], {"reply_to_closed": "append"}),
    ],
)
def test_what_the_settings_of_today_say_again_stays(
    before: RecordedMail, flags: list[str], rules: dict[str, Any]
) -> None:
    done = again(item(appending("m", 5)), before, flags=flags, **rules)
    assert (moved(done), listed(done)) == ([], [])


def test_whoever_became_a_participant_since_moves_nothing() -> None:
    by_anna = item(appending("m", 5), author=ANNA)
    done = again(by_anna, recorded(7, "opened", "not-a-participant"), reply_from="participants")
    assert (moved(done), listed(done)) == ([], [])


def test_a_mail_that_would_be_held_today_is_listed_and_stays_in_its_case() -> None:
    done = again(EVES, recorded(5), flags=STRANGER, reply_from="hold")
    assert (moved(done), listed(done)) == ([], [(None, "reply_from")])


def test_a_number_that_was_overlooked_does_not_get_a_stranger_past_the_settings() -> None:
    before = recorded(7, "opened", decision=Decision(rule="new-case"))
    assert moved(again(EVES, before)) == [(5, "appended", None, None)]
    assert moved(again(EVES, before, reply_from="participants")) == []
    held = again(EVES, before, reply_from="hold")
    assert (moved(held), listed(held)) == ([], [(None, "reply_from")])


def test_a_report_with_an_overlooked_number_does_not_get_into_a_closed_case() -> None:
    command = msgspec.structs.replace(appending("m", 5), kind="bounce", otherwise="park")
    report, before = item(command, author=EVE), recorded(7, decision=Decision(rule="thread"))
    closed = CASES | {5: case(status="closed")}
    done = again(report, before, cases=closed, reply_to_closed="new-case")
    assert (moved(done), listed(done)) == ([], [(None, "reply_to_closed")])


def test_a_report_is_in_its_case_whatever_the_settings_say_of_strangers() -> None:
    command = msgspec.structs.replace(
        appending("m", 5), kind="bounce", otherwise="park", reason="delivery-report"
    )
    assert isinstance(command, AppendToCase)
    done = again(item(command, author=EVE), recorded(5), flags=STRANGER, reply_from="participants")
    assert (moved(done), listed(done)) == ([], [])


@pytest.mark.parametrize("move", [False, True])
def test_a_mail_held_for_its_sender_is_held_as_long_as_the_settings_say_so(move: bool) -> None:
    before = recorded(None, "parked", reason="not-a-participant")
    held = again(EVES, before, move=move, reply_from="hold")
    assert (held.mismatches, held.retried, held.placed) == ({}, {}, [])
    let_in = again(EVES, before, move=move)
    assert [placement.target for placement in let_in.placed] == ([5] if move else [])
    assert listed(let_in) == ([] if move else [(None, "appended")])


def test_a_mail_that_a_person_let_through_is_known_as_such() -> None:
    retried = item(appending("m", 5, origin="retry"), author=EVE)
    known = Snapshot(
        mails={retried.key: recorded(None, "parked", reason="not-a-participant")}, cases=CASES
    )
    [placed] = plan(
        [retried], known, attempt="now", rules={"invoices": Rules(reply_from="hold")}
    ).placed
    assert (placed.target, placed.decision.resolution) == (5, "released")
