"""Contradictions between the stages, roles and fields of a process are reported with a hint."""

import pytest

from services.runtime.settings.case_fields import Field
from services.runtime.settings.schema.processes import Access, OnEnter, ProcessTable, Stage
from services.runtime.settings.validation.cases import case_rule_mistakes

FIRST = Stage(name="new", initial=True, next=("done",))


@pytest.mark.parametrize(
    ("process", "problem"),
    [
        (
            ProcessTable(stage=(Stage(name="new", initial=True, roles=("aprover",)),)),
            'p.stage[0].roles[0]: nobody has the role "aprover"',
        ),
        (
            ProcessTable(stage=(Stage(name="new", initial=True, final=True),)),
            "p.stage[0].final: cannot be true",
        ),
        (
            ProcessTable(stage=(FIRST, Stage(name="done", final=True, due_after="2d"))),
            "p.stage[1].due_after: has no effect for a final stage",
        ),
        (
            ProcessTable(stage=(Stage(name="new", initial=True, on_enter=OnEnter(text="Hello")),)),
            "p.stage[0].on_enter: needs a recipient and a text",
        ),
        (
            ProcessTable(stage=(FIRST,), access=(Access(role="worker"),)),
            "p.access[0]: gives the role to nobody",
        ),
        (
            ProcessTable(stage=(FIRST,), field=(Field(name="a"), Field(name="a"))),
            'p.field[1].name: "a" is also the name of an earlier field',
        ),
        (
            ProcessTable(stage=(FIRST,), field=(Field(name="a", type="choice"),)),
            "p.field[0].choices: do not match the type choice",
        ),
        (
            ProcessTable(stage=(FIRST,), field=(Field(name="a", required_for=("dnoe",)),)),
            'p.field[0].required_for[0]: no stage of this process is named "dnoe"',
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(process: ProcessTable, problem: str) -> None:
    (mistake,) = case_rule_mistakes(process, "p")
    assert str(mistake).startswith(problem)


def test_rules_that_fit_have_no_mistake() -> None:
    process = ProcessTable(
        stage=(FIRST, Stage(name="done", final=True, roles=("boss", "manager"))),
        access=(Access(role="boss", users=("a@office.example",)),),
        field=(Field(name="a", type="choice", choices=("x",), required_for=("done",)),),
    )
    assert not list(case_rule_mistakes(process, "p"))
