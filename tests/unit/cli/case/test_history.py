"""Histories are shown in words, without ids."""

from typing import get_args

import pytest

from schemas.changes import (
    Answered,
    Assigned,
    CaseLink,
    Closed,
    FieldsSet,
    FieldValue,
    Linked,
    MailAdded,
    MailMoved,
    Merged,
    Opened,
    Split,
    StageMoved,
    Unmerged,
    What,
)
from services.cli.case.history import _WORDS, described
from tests.unit.casework.builders import NOW, case, change

OPENED = Opened(
    process="invoices",
    stage="registration",
    title="T",
    mailbox="invoices",
    opened_at=NOW,
    comment="a" * 64,
)


def test_every_kind_of_change_has_words() -> None:
    assert set(_WORDS) == set(get_args(What))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (OPENED, "opened at registration"),
        (MailAdded(comment="a" * 64, reopened=True), "mail added, reopened"),
        (MailAdded(comment="a" * 64, kind="bounce"), "delivery report added"),
        (MailMoved(comment="a" * 64, was=7), "mail moved here from case 7"),
        (Answered(outgoing="answer 1", to=["a@x.example"]), "answered to a@x.example"),
        (Assigned(was="a@x.example", to=None), "took the case from a@x.example"),
        (Closed(), "closed"),
        (Merged(into=7), "merged into case 7"),
        (Unmerged(released=8), "gave back case 8"),
        (Split(to=9, comments=["a", "b"]), "split 2 comments off into case 9"),
        (
            FieldsSet(
                values={
                    "n": FieldValue(value="1", source="person", evidence="", by="a", at=NOW),
                    "m": None,
                }
            ),
            "set n = 1, m = removed",
        ),
        (
            FieldsSet(values={}, flags=["field-conflict"], candidates={"n": []}),
            "read n; flags: field-conflict",
        ),
        (
            Linked(
                links=[
                    CaseLink(case=7, kind="duplicate-of", by="xml"),
                    CaseLink(case=8, kind="corrected-by", by="invoice"),
                ],
                flags=["duplicate-of"],
            ),
            "found to be a duplicate of case 7, corrected by case 8",
        ),
        (
            Linked(
                links=[CaseLink(case=7, kind="duplicate-of", by="xml")],
                flags=["duplicate-of"],
                gone=[
                    CaseLink(case=7, kind="duplicate-of", by="fields"),
                    CaseLink(case=9, kind="duplicate-of", by="fields"),
                ],
            ),
            "found to be a duplicate of case 7; no longer a duplicate of case 9",
        ),
        (
            StageMoved(from_stage="a", to_stage="b", from_process="p", to_process="q", closed=True),
            "moved from a to q / b, closed",
        ),
    ],
)
def test_a_change_is_one_line(what: What, words: str) -> None:
    assert described(change(case(), what)) == words
