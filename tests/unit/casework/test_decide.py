"""Every action in every state, with every role and rule: what it changes, or why it is refused."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from schemas.changes import (
    Assigned,
    Closed,
    DueSet,
    FieldsSet,
    FieldValue,
    Merged,
    Noted,
    Opened,
    Reopened,
    Split,
    StageMoved,
    Titled,
    Unmerged,
)
from schemas.stored import Case
from services.casework.actions import (
    Action,
    AddNote,
    Assign,
    Close,
    MergeInto,
    Move,
    Reopen,
    SetDue,
    SetFields,
    SetTitle,
    SplitOff,
    Unmerge,
)
from services.casework.actors import ActingAs
from services.casework.decide import decide
from services.casework.decisions.situation import AutomaticMail
from services.casework.refusals import ActionRefusedError
from services.runtime.settings import Process, Stage
from services.runtime.settings.schema.processes import OnEnter
from tests.unit.casework.builders import (
    APPROVER,
    HELP,
    INVOICES,
    MANAGER,
    NOW,
    OPERATOR,
    READER,
    STRANGER,
    WORKER,
    case,
    mail_comment,
    situation,
)

NUMBERED = {
    "invoice_number": FieldValue(value="12/2026", source="person", evidence="", by="anna", at=NOW)
}
OPEN = case()
READY = case(fields=NUMBERED)
AT_APPROVAL = case(stage="approval", fields=NUMBERED)
PAID = case(stage="paid", status="closed", closed_at=NOW)
CLOSED = case(status="closed", closed_at=NOW)
MERGED = case(status="closed", merged_into=7)
TARGET = case(7)
TWO_MAILS = [
    mail_comment("a"),
    mail_comment("b", NOW + timedelta(hours=1)),
    mail_comment("n", kind="note"),
]

EVERY_ACTION: tuple[tuple[Action, Mapping[str, Any]], ...] = (
    (Move(stage="approval"), {}),
    (Assign(to="anna@office.example"), {}),
    (SetTitle(title="Another"), {}),
    (SetDue(due_at=NOW), {}),
    (SetFields(fields={"invoice_number": "1"}), {}),
    (AddNote(text="Called them."), {"comment_id": "note-1"}),
    (Close(), {}),
    (Reopen(), {}),
    (MergeInto(target=7), {"other": TARGET}),
    (SplitOff(comments=["b"]), {"comments": TWO_MAILS, "new_number": 9}),
)


def refusal(
    action: Action, subject: Case = OPEN, acting: ActingAs = WORKER, **more: Any
) -> ActionRefusedError:
    with pytest.raises(ActionRefusedError) as caught:
        decide(action, situation(subject, acting, **more))
    assert caught.value.hint
    return caught.value


class TestAccess:
    @pytest.mark.parametrize(
        ("action", "more"), EVERY_ACTION, ids=lambda value: type(value).__name__
    )
    @pytest.mark.parametrize("acting", [READER, STRANGER], ids=["reader", "stranger"])
    def test_nobody_without_a_working_role_does_anything(
        self, action: Action, more: Mapping[str, Any], acting: ActingAs
    ) -> None:
        assert refusal(action, READY, acting, **more).reason == "not-allowed"

    @pytest.mark.parametrize(
        ("action", "more"), EVERY_ACTION, ids=lambda value: type(value).__name__
    )
    def test_a_merged_case_is_changed_only_through_its_target(
        self, action: Action, more: Mapping[str, Any]
    ) -> None:
        assert refusal(action, MERGED, MANAGER, **more).reason == "merged"

    @pytest.mark.parametrize("acting", [WORKER, APPROVER, MANAGER, OPERATOR])
    def test_everyone_with_a_working_role_may_take_a_note(self, acting: ActingAs) -> None:
        accepted = decide(AddNote(text="x"), situation(acting=acting, comment_id="note-1"))
        assert accepted.changes == {235: [Noted(comment="note-1")]}

    def test_a_token_limited_to_reading_does_not_work_although_its_owner_does(self) -> None:
        token = ActingAs(WORKER.actor, limited_to=("reader",))
        assert refusal(Close(), acting=token).reason == "not-allowed"

    def test_without_an_access_table_everyone_with_an_account_works(self) -> None:
        anyone = Process(name="letters", title="Letters", stages=(Stage(name="new", initial=True),))
        assert ActingAs(STRANGER.actor).roles_in(anyone) == {"reader", "worker"}


class TestMoving:
    def test_a_move_along_next_sets_the_due_date_of_the_stage_entered(self) -> None:
        accepted = decide(Move(stage="registration"), situation(AT_APPROVAL, APPROVER))
        moved = accepted.changes[235][0]
        assert isinstance(moved, StageMoved)
        assert (moved.from_stage, moved.to_stage) == ("approval", "registration")
        assert moved.due_at == NOW + timedelta(days=2)
        assert not moved.closed

    def test_a_final_stage_closes_and_leaving_it_reopens(self) -> None:
        closing = decide(Move(stage="paid"), situation(AT_APPROVAL, APPROVER)).changes[235][0]
        assert isinstance(closing, StageMoved)
        assert closing.closed
        assert closing.due_at is None
        leaving = decide(Move(stage="registration"), situation(PAID)).changes[235][0]
        assert isinstance(leaving, StageMoved)
        assert leaving.reopened

    @pytest.mark.parametrize(
        ("subject", "stage", "acting", "reason"),
        [
            (READY, "paid", WORKER, "no-transition"),
            (READY, "nowhere", WORKER, "no-such-stage"),
            (READY, None, WORKER, "no-such-stage"),
            (READY, "registration", WORKER, "already-there"),
            (OPEN, "approval", WORKER, "missing-field"),
            (AT_APPROVAL, "paid", WORKER, "not-allowed"),
            (READY, "paid", MANAGER, "no-transition"),
        ],
    )
    def test_a_move_that_the_process_does_not_know_is_refused(
        self, subject: Case, stage: str | None, acting: ActingAs, reason: str
    ) -> None:
        assert refusal(Move(stage=stage), subject, acting).reason == reason

    def test_a_refused_move_out_of_a_last_stage_says_so(self) -> None:
        done = case(process="help", stage="done", status="closed")
        refused = refusal(Move(stage="new"), done)
        assert (refused.reason, refused.hint) == ("no-transition", "no stage follows it")
        assert refused.facts["names"] == ""

    @pytest.mark.parametrize("acting", [APPROVER, MANAGER, OPERATOR])
    def test_the_roles_of_a_stage_and_managers_move_cases_out_of_it(self, acting: ActingAs) -> None:
        assert decide(Move(stage="paid"), situation(AT_APPROVAL, acting)).changes

    def test_a_case_at_a_stage_that_the_settings_lost_can_go_anywhere(self) -> None:
        lost = case(stage="removed", fields=NUMBERED)
        assert decide(Move(stage="approval"), situation(lost)).changes

    def test_only_the_roles_of_a_stage_move_a_case_out_of_it_to_another_process(self) -> None:
        refused = refusal(Move(process="help"), AT_APPROVAL, WORKER)
        assert (refused.reason, refused.facts["names"]) == ("not-allowed", "approver")
        assert decide(Move(process="help"), situation(AT_APPROVAL, OPERATOR)).changes

    def test_another_process_begins_at_its_initial_stage(self) -> None:
        moved = decide(Move(process="help"), situation(OPEN)).changes[235][0]
        assert isinstance(moved, StageMoved)
        assert (moved.to_process, moved.to_stage) == ("help", "new")

    @pytest.mark.parametrize(
        ("action", "acting", "reason"),
        [
            (Move(process="nothing"), WORKER, "no-such-process"),
            (Move(process="help"), APPROVER, "not-allowed"),
            (Move(process="help", stage="done"), WORKER, "no-such-stage"),
        ],
    )
    def test_another_process_asks_for_a_role_there(
        self, action: Move, acting: ActingAs, reason: str
    ) -> None:
        assert refusal(action, OPEN, acting).reason == reason

    def test_entering_a_stage_assigns_and_mails_as_the_settings_say(self) -> None:
        enter = OnEnter(assign="group:accounting", send_to="participants", text="Being approved.")
        stages = (INVOICES.stages[0], Stage(name="approval", on_enter=enter))
        process = Process(name="invoices", title="Invoices", stages=stages)
        given = situation(READY)
        accepted = decide(
            Move(stage="approval"),
            type(given)(case=READY, processes={"invoices": process}, acting=OPERATOR, now=NOW),
        )
        assert accepted.by_rule == {235: [Assigned(was=None, to="group:accounting")]}
        assert accepted.mail == AutomaticMail("approval", "participants", None, "Being approved.")


class TestSmallActions:
    def test_assigning_and_taking_away(self) -> None:
        given = decide(Assign(to="anna@office.example"), situation()).changes[235]
        assert given == [Assigned(was=None, to="anna@office.example")]
        typed = decide(Assign(to=" Anna@Office.example"), situation()).changes[235]
        assert typed == given  # as lists and accounts have it
        group = decide(Assign(to="group:IT"), situation()).changes[235]
        assert group == [Assigned(was=None, to="group:IT")]
        taken = case(assignee="anna@office.example")
        assert decide(Assign(to=None), situation(taken)).changes[235] == [
            Assigned(was="anna@office.example", to=None)
        ]

    @pytest.mark.parametrize(
        ("action", "subject", "reason"),
        [
            (Assign(to="Anna"), OPEN, "invalid-assignee"),
            (Assign(to=None), OPEN, "already-there"),
            (SetTitle(title="  "), OPEN, "invalid-title"),
            (SetTitle(title="x" * 501), OPEN, "invalid-title"),
            (SetTitle(title="Invoice 12/2026"), OPEN, "already-there"),
            (SetDue(due_at=None), OPEN, "already-there"),
            (SetDue(due_at=NOW), CLOSED, "closed"),
            (AddNote(text=" \n"), OPEN, "empty-note"),
            (AddNote(text="x" * 1_000_001), OPEN, "note-too-long"),
            (Close(), CLOSED, "already-there"),
            (Reopen(), OPEN, "already-there"),
            (Unmerge(), OPEN, "not-merged"),
            (SetFields(fields={"nothing": "1"}), OPEN, "no-such-field"),
            (SetFields(fields={"gross": "1.234 PLN"}), OPEN, "invalid-value"),
            (SetFields(fields={"paid_at": "3/4/2026"}), OPEN, "invalid-value"),
            (SetFields(fields={"cost_center": "moon"}), OPEN, "invalid-value"),
            (SetFields(fields={"gross": None}), OPEN, "already-there"),
            (SetFields(fields={}), OPEN, "already-there"),
        ],
    )
    def test_impossible_actions_are_refused_with_a_reason(
        self, action: Action, subject: Case, reason: str
    ) -> None:
        assert refusal(action, subject).reason == reason

    def test_a_title_is_one_line(self) -> None:
        assert decide(SetTitle(title=" A\n b "), situation()).changes[235] == [
            Titled(was="Invoice 12/2026", to="A b")
        ]

    def test_due_closed_and_reopened(self) -> None:
        assert decide(SetDue(due_at=NOW), situation()).changes[235] == [DueSet(was=None, to=NOW)]
        assert decide(Close(), situation()).changes[235] == [Closed()]
        reopened = decide(Reopen(), situation(CLOSED)).changes[235]
        assert reopened == [Reopened(due_at=NOW + timedelta(days=2))]

    def test_a_typed_value_is_stored_in_its_normal_form_and_outranks_what_was_there(self) -> None:
        read = FieldValue(
            value="1.00 PLN", source="invoice", evidence="x", by="m", at=NOW, rule="r"
        )
        subject = case(fields={"gross": read}, flags=["field-conflict"])
        what = decide(SetFields(fields={"gross": "1,00 zł"}), situation(subject)).changes[235][0]
        assert isinstance(what, FieldsSet)
        value = what.values["gross"]
        assert value is not None
        assert (value.value, value.source, value.by) == (
            "1.00 PLN",
            "person",
            "anna@office.example",
        )
        assert what.was == {"gross": read}
        assert what.flags == []

    def test_setting_the_same_value_again_changes_nothing(self) -> None:
        assert (
            refusal(SetFields(fields={"invoice_number": "12/2026"}), READY).reason
            == "already-there"
        )


class TestMerging:
    def test_both_cases_note_it_and_the_target_takes_the_participants(self) -> None:
        source = case(participants=["Jan@supplier.example", "ola@supplier.example"])
        accepted = decide(MergeInto(target=7), situation(source, other=TARGET))
        assert accepted.changes == {
            235: [Merged(into=7, was_status="open")],
            7: [Merged(absorbed=235, joined=["ola@supplier.example"])],
        }

    @pytest.mark.parametrize(
        ("target", "other", "reason"),
        [
            (235, None, "same-case"),
            (7, None, "no-such-case"),
            (7, case(7, merged_into=8), "merged"),
            (7, case(7, status="closed"), "closed"),
            (7, case(7, process="gone"), "no-such-case"),
        ],
    )
    def test_a_target_that_cannot_take_it_is_refused(
        self, target: int, other: Case | None, reason: str
    ) -> None:
        assert refusal(MergeInto(target=target), OPEN, other=other).reason == reason

    def test_a_target_in_a_process_without_a_role_looks_absent(self) -> None:
        hidden = case(7, process="help")
        assert refusal(MergeInto(target=7), OPEN, APPROVER, other=hidden).reason == "no-such-case"

    def test_an_unmerge_gives_back_the_status_and_the_participants(self) -> None:
        accepted = decide(
            Unmerge(),
            situation(
                MERGED, other=TARGET, status_before_merge="open", joined_by_merge=["ola@x.example"]
            ),
        )
        assert accepted.changes == {
            235: [Unmerged(out_of=7, status="open")],
            7: [Unmerged(released=235, left=["ola@x.example"])],
        }

    def test_an_unmerge_needs_a_role_in_the_process_of_the_target_too(self) -> None:
        hidden = case(7, process="help")
        assert refusal(Unmerge(), MERGED, APPROVER, other=hidden).reason == "not-allowed"


class TestSplitting:
    def test_the_new_case_begins_with_the_oldest_mail_that_goes(self) -> None:
        accepted = decide(
            SplitOff(comments=["n", "b"]), situation(comments=TWO_MAILS, new_number=9)
        )
        assert accepted.changes[235] == [Split(to=9, comments=["n", "b"])]
        opened = accepted.changes[9][0]
        assert isinstance(opened, Opened)
        assert (opened.comment, opened.title, opened.refers_to) == ("b", "Subject of b", 235)
        assert opened.stage == "registration"

    @pytest.mark.parametrize(
        ("comments", "reason"),
        [
            ([], "no-such-comment"),
            (["x"], "no-such-comment"),
            (["n"], "no-mail"),
            (["a", "b"], "no-mail"),
        ],
    )
    def test_a_split_that_leaves_a_case_without_mail_is_refused(
        self, comments: list[str], reason: str
    ) -> None:
        assert (
            refusal(SplitOff(comments=comments), comments=TWO_MAILS, new_number=9).reason == reason
        )


def test_only_operators_work_on_cases_of_a_process_that_the_settings_lost() -> None:
    lost = case(process="gone")
    assert refusal(Close(), lost).reason == "not-allowed"
    assert decide(Close(), situation(lost, OPERATOR)).changes
    assert refusal(Move(stage="paid"), lost, OPERATOR).reason == "no-such-process"
    assert decide(Move(process=HELP.name), situation(lost, OPERATOR)).changes
