"""A case equals the result of its history."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from schemas.changes import Erased, FieldsSet, FieldValue, Merged, Opened, Overdue, What
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
    Unmerge,
)
from services.casework.decide import decide
from services.casework.history import apply, differences, fold
from services.casework.refusals import ActionRefusedError
from tests.unit.casework.builders import NOW, OPERATOR, case, change, situation

OPENED = Opened(
    process="invoices",
    stage="registration",
    title="Invoice 12/2026",
    mailbox="invoices",
    opened_at=NOW,
    comment="a" * 64,
    due_at=NOW + timedelta(days=2),
)
STAGES = st.sampled_from(["registration", "approval", "paid"])
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.builds(Move, stage=STAGES),
    st.builds(Move, process=st.sampled_from(["help", "invoices"])),
    st.builds(Assign, to=st.sampled_from([None, "anna@office.example", "group:accounting"])),
    st.builds(SetTitle, title=st.sampled_from(["One", "Two"])),
    st.builds(SetDue, due_at=st.sampled_from([None, NOW, NOW + timedelta(days=1)])),
    st.builds(
        SetFields,
        fields=st.dictionaries(
            st.sampled_from(["invoice_number", "cost_center"]),
            st.sampled_from(["office", None]),
            min_size=1,
        ),
    ),
    st.just(AddNote(text="note")),
    st.just(Close()),
    st.just(Reopen()),
    st.just(MergeInto(target=7)),
    st.just(Unmerge()),
)


def opened() -> Case:
    return fold([change(case(revision=0), OPENED)])


def test_a_case_folds_from_its_opening() -> None:
    folded = opened()
    assert (folded.process, folded.stage, folded.status, folded.title) == (
        *("invoices", "registration", "open"),
        "Invoice 12/2026",
    )
    assert (folded.revision, folded.stage_since, folded.due_at) == (1, NOW, NOW + timedelta(days=2))


@given(st.lists(ACTIONS, max_size=30))
def test_any_run_of_actions_folds_to_the_state_that_they_led_to(wanted: list[Action]) -> None:
    subject, other, before_merge = opened(), case(7), "open"
    history = [change(case(revision=0), OPENED)]
    for action in wanted:
        given_now = situation(
            subject, OPERATOR, other=other, comment_id="n", status_before_merge=before_merge
        )
        try:
            accepted = decide(action, given_now)
        except ActionRefusedError:
            continue
        whats: list[What] = [
            *accepted.changes[subject.number],
            *accepted.by_rule.get(subject.number, ()),
        ]
        for what in whats:
            if isinstance(what, Merged):
                before_merge = what.was_status
            entry = change(subject, what)
            subject = apply(subject, entry)
            history.append(entry)
    assert differences(subject, fold(history)) == []
    assert [entry.revision for entry in history] == list(range(1, len(history) + 1))
    assert subject.revision == len(history)


@given(st.lists(ACTIONS, max_size=12))
def test_an_unmerge_gives_back_exactly_what_was_there(wanted: list[Action]) -> None:
    subject = opened()
    for action in wanted:
        try:
            accepted = decide(action, situation(subject, OPERATOR, other=None, comment_id="n"))
        except ActionRefusedError:
            continue
        for what in accepted.changes[subject.number]:
            subject = apply(subject, change(subject, what))
    before = subject
    merged = decide(MergeInto(target=7), situation(subject, OPERATOR, other=case(7)))
    subject = apply(subject, change(subject, merged.changes[subject.number][0]))
    assert subject.status == "closed"
    back = decide(
        Unmerge(), situation(subject, OPERATOR, other=case(7), status_before_merge=before.status)
    )
    subject = apply(subject, change(subject, back.changes[subject.number][0]))
    assert structs.replace(subject, revision=before.revision) == before


def test_a_gap_in_a_history_is_an_error() -> None:
    subject = opened()
    second = change(subject, Erased(comments=1))
    with pytest.raises(ValueError, match="does not follow revision 1"):
        fold([change(case(revision=0), OPENED), structs.replace(second, revision=3)])
    with pytest.raises(ValueError, match="no history"):
        fold([])
    with pytest.raises(ValueError, match="begins at revision 2"):
        fold([second])
    with pytest.raises(ValueError, match="does not open the case"):
        fold([structs.replace(second, revision=1)])


def test_overdue_is_marked_once_and_cleared_by_the_next_due_date() -> None:
    subject = opened()
    subject = apply(subject, change(subject, Overdue(due_at=NOW)))
    assert subject.overdue_at == NOW
    accepted = decide(SetDue(due_at=NOW + timedelta(days=3)), situation(subject, OPERATOR))
    subject = apply(subject, change(subject, accepted.changes[235][0]))
    assert subject.overdue_at is None


def test_an_erasure_removes_fields_and_replaces_the_title() -> None:
    value = FieldValue(value="Jan", source="person", evidence="", by="anna", at=NOW)
    subject = apply(opened(), change(opened(), FieldsSet(values={"name": value})))
    subject = apply(subject, change(subject, Erased(comments=2, title="[erased]", fields=["name"])))
    assert (subject.title, subject.fields) == ("[erased]", {})


def test_flags_follow_the_fields() -> None:
    value = FieldValue(value="1", source="invoice", evidence="e", by="m", at=NOW)
    subject = apply(
        opened(), change(opened(), FieldsSet(values={"n": value}, flags=["field-conflict"]))
    )
    assert subject.flags == ["field-conflict"]
