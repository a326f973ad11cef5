"""Fields from mails: rights, precedence, conflicts, and the same result in any order."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from msgspec import structs

from schemas.changes import FieldsSet, FieldValue
from schemas.fields import FieldsRead
from schemas.flags import CaseFlag
from schemas.stored import Case
from services.casework import actions
from services.casework.decide import decide
from services.casework.decisions.field_merge import MAX_CANDIDATES, MailFacts, merge
from services.casework.decisions.situation import Situation
from services.casework.history import apply
from tests.unit.casework import field_builders as build
from tests.unit.casework.builders import NOW, OPERATOR, case, change

REPLY: dict[str, Any] = {"is_opening": False, "answers": True}


def merged(subject: Case, read: FieldsRead, facts: MailFacts) -> Case:
    """The case after the mail, as the history folds it."""
    what = merge(subject, build.PROCESS, read, facts)
    return subject if what is None else apply(subject, change(subject, what))


def shown(subject: Case) -> dict[str, Any]:
    return {name: value.value for name, value in subject.fields.items()}


def by_person(subject: Case, **fields: Any) -> Case:
    situation = Situation(
        case=subject, processes={"invoices": build.PROCESS}, acting=OPERATOR, now=NOW
    )
    [what] = decide(actions.SetFields(fields=fields), situation).changes[subject.number]
    return apply(subject, change(subject, what))


def test_a_value_is_stored_with_its_source_evidence_mail_rule_and_time() -> None:
    after = merged(case(), build.read(build.value(build.NUMBER, "12/2026")), build.facts())
    [(rule, _)] = [pair for pair in build.NUMBER.rules() if pair[1] == build.FROM_LINE]
    assert after.fields["invoice_number"] == FieldValue(
        value="12/2026",
        source="line",
        evidence="line of invoice_number",
        by="a" * 64,
        at=NOW,
        rule=rule,
    )


def test_reading_the_same_mail_again_changes_nothing() -> None:
    read, facts = (
        build.read(build.value(build.NUMBER, "12/2026"), flags=["sum-mismatch"]),
        build.facts(),
    )
    after = merged(case(), read, facts)
    assert merge(after, build.PROCESS, read, facts) is None


def test_a_persons_value_is_kept_and_the_disagreement_flagged_with_both() -> None:
    before = by_person(case(), invoice_number="13/2026")
    after = merged(before, build.read(build.value(build.NUMBER, "12/2026")), build.facts())
    assert shown(after) == {"invoice_number": "13/2026"}
    assert after.flags == [CaseFlag.FIELD_CONFLICT]
    assert [candidate.value for candidate in after.candidates["invoice_number"]] == ["12/2026"]
    settled = by_person(after, invoice_number="12/2026")
    assert settled.flags == []
    assert (
        merge(
            settled, build.PROCESS, build.read(build.value(build.NUMBER, "12/2026")), build.facts()
        )
        is None
    )


def test_a_field_that_a_person_removed_does_not_come_back_from_the_same_mail() -> None:
    read = build.read(build.value(build.NUMBER, "12/2026"))
    removed = by_person(merged(case(), read, build.facts()), invoice_number=None)
    assert merge(removed, build.PROCESS, read, build.facts()) is None


def test_an_invoice_outranks_a_line_whatever_comes_first() -> None:
    line = build.read(build.value(build.NUMBER, "from the line"))
    invoice = build.read(build.value(build.NUMBER, "12/2026", "invoice"), key="b" * 64)
    reply = build.facts("b" * 64, 5, **REPLY)
    assert shown(merged(merged(case(), line, build.facts()), invoice, reply)) == {
        "invoice_number": "12/2026"
    }
    assert shown(merged(merged(case(), invoice, reply), line, build.facts())) == {
        "invoice_number": "12/2026"
    }


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_same_mails_give_the_same_fields_in_any_order(order: tuple[int, ...]) -> None:
    mails = [
        (build.value(build.NUMBER, "1"), 0, {}),
        (build.value(build.NUMBER, "2"), 1, REPLY),
        (build.value(build.NUMBER, "3", "invoice"), 2, REPLY),
        (build.value(build.NUMBER, "4", "invoice"), 3, REPLY),
    ]
    subject = case()
    for index in order:
        value, minutes, more = mails[index]
        key = f"{index:064}"
        subject = merged(subject, build.read(value, key=key), build.facts(key, minutes, **more))
    assert shown(subject) == {"invoice_number": "3"}
    assert [candidate.value for candidate in subject.candidates["invoice_number"]] == [
        "3",
        "4",
        "2",
        "1",
    ]
    assert subject.flags == [CaseFlag.FIELD_CONFLICT]  # two invoices differ


def test_a_later_line_of_a_participant_replaces_an_earlier_one() -> None:
    first = merged(case(), build.read(build.value(build.NUMBER, "1")), build.facts())
    second = build.read(build.value(build.NUMBER, "2"), key="b" * 64)
    after = merged(first, second, build.facts("b" * 64, 1, **REPLY))
    assert shown(after) == {"invoice_number": "2"}
    assert after.flags == []


@pytest.mark.parametrize(
    "reply",
    [
        {"is_opening": False, "is_stranger": True, "answers": True, "authentication": "pass"},
        {"is_opening": False},  # a participant's address that anyone can write
        {"is_opening": False, "answers": True, "authentication": "fail"},
    ],
)
def test_a_forged_reply_changes_no_field(reply: dict[str, Any]) -> None:
    before = merged(case(), build.read(build.value(build.NUMBER, "1")), build.facts())
    values = [
        build.value(build.NUMBER, "2", "invoice"),
        build.value(build.SELLER_FIELD, build.SELLER),
    ]
    forged = build.read(*values, key="b" * 64)
    assert merge(before, build.PROCESS, forged, build.facts("b" * 64, 1, **reply)) is None


@pytest.mark.parametrize("field", [build.GROSS, build.ACCOUNT_FIELD])
def test_money_and_accounts_in_a_line_are_taken_from_the_opening_mail_alone(field: Any) -> None:
    read = build.read(build.value(field, "1234.56 PLN" if field.type == "money" else build.ACCOUNT))
    assert merge(case(), build.PROCESS, read, build.facts()) is not None
    assert merge(case(), build.PROCESS, read, build.facts(**REPLY)) is None


@pytest.mark.parametrize(
    ("author", "authentication", "is_set"),
    [
        ("Anna@office.example", "pass", True),
        ("anna@office.example", "", False),
        ("anna@office.example", "fail", False),
        ("anna@sub.office.example", "pass", False),
        ("", "pass", False),
    ],
)
def test_a_listed_sender_counts_only_if_authenticated(
    author: str, authentication: str, is_set: bool
) -> None:
    read = build.read(build.value(build.LISTED, True))
    facts = build.facts(author=author, authentication=authentication)
    assert (merge(case(), build.PROCESS, read, facts) is not None) == is_set


def test_the_first_value_that_the_mail_may_set_counts() -> None:
    values = (build.value(build.NUMBER, "1", "invoice"), build.value(build.NUMBER, "2"))
    assert shown(merged(case(), build.read(*values), build.facts())) == {"invoice_number": "1"}
    correction = build.read(*values, invoices=[build.invoice("1", is_correction=True)])
    after = merged(case(), correction, build.facts(**REPLY))
    assert shown(after) == {"invoice_number": "2"}


def test_a_field_for_anyone_is_set_by_a_stranger() -> None:
    read = build.read(build.value(build.OPEN, "hello"))
    stranger = build.facts(is_opening=False, is_stranger=True)
    assert shown(merged(case(), read, stranger)) == {"remark": "hello"}


def test_a_correction_in_a_reply_replaces_no_value() -> None:
    first = build.read(build.value(build.NUMBER, "1", "invoice"), invoices=[build.invoice("1")])
    before = merged(case(), first, build.facts())
    correction = build.read(
        build.value(build.NUMBER, "KOR/1", "invoice"),
        key="b" * 64,
        invoices=[build.invoice("KOR/1", is_correction=True)],
    )
    assert merge(before, build.PROCESS, correction, build.facts("b" * 64, 1, **REPLY)) is None


def test_a_value_that_its_rule_no_longer_reads_is_withdrawn_for_that_of_another_mail() -> None:
    first = merged(case(), build.read(build.value(build.NUMBER, "1")), build.facts())
    second = build.read(build.value(build.NUMBER, "2"), key="b" * 64)
    before = merged(first, second, build.facts("b" * 64, 1, **REPLY))
    after = merged(before, build.read(key="b" * 64), build.facts("b" * 64, 1, **REPLY))
    assert shown(after) == {"invoice_number": "1"}
    assert shown(merged(after, build.read(), build.facts())) == {}


def test_a_reading_that_was_cut_short_takes_nothing_back() -> None:
    before = merged(case(), build.read(build.value(build.NUMBER, "1")), build.facts())
    cut = build.read(flags=["extraction-limit"], complete=False)
    after = merged(before, cut, build.facts())
    assert shown(after) == {"invoice_number": "1"}
    assert after.flags == ["extraction-limit"]


def test_a_value_of_a_rule_or_field_that_the_settings_lack_is_left_out() -> None:
    unknown = structs.replace(build.value(build.NUMBER, "1"), rule="0" * 16)
    nowhere = structs.replace(build.value(build.NUMBER, "1"), field="nowhere")
    assert merge(case(), build.PROCESS, build.read(unknown, nowhere), build.facts()) is None


def test_a_case_keeps_a_bounded_number_of_candidates() -> None:
    subject = case()
    for index in range(MAX_CANDIDATES + 5):
        key = f"{index:064}"
        read = build.read(build.value(build.NUMBER, str(index)), key=key)
        subject = merged(subject, read, build.facts(key, index, **REPLY))
    assert len(subject.candidates["invoice_number"]) == MAX_CANDIDATES
    assert shown(subject) == {"invoice_number": str(MAX_CANDIDATES + 4)}
    assert subject.fields["invoice_number"].at == NOW + timedelta(minutes=MAX_CANDIDATES + 4)


def test_an_account_that_a_person_sets_is_accepted() -> None:
    flagged = case(flags=[CaseFlag.ACCOUNT_CHANGED.value, CaseFlag.DUPLICATE_OF.value])
    assert by_person(flagged, account=build.ACCOUNT).flags == [CaseFlag.DUPLICATE_OF]
    assert by_person(flagged, remark="seen").flags == flagged.flags


def test_a_mail_cannot_change_more_than_fields_and_flags() -> None:
    what = merge(case(), build.PROCESS, build.read(build.value(build.NUMBER, "1")), build.facts())
    assert isinstance(what, FieldsSet)
    after = apply(case(), change(case(), what))
    kept = {
        "stage",
        "status",
        "assignee",
        "title",
        "due_at",
        "merged_into",
        "process",
        "participants",
    }
    assert all(getattr(after, name) == getattr(case(), name) for name in kept)
