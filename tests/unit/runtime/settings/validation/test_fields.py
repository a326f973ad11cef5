"""Mistakes in fields and their sources are reported with position and hint; the hash of a rule is
stable.
"""

from typing import Any

import pytest
from msgspec.structs import replace

from services.runtime.settings.case_fields import Field, FieldSource, rule_hash
from services.runtime.settings.schema.processes import MailboxTable, ProcessTable, Stage
from services.runtime.settings.validation.fields import field_mistakes

STAGE = Stage(name="new", initial=True)
LINE = FieldSource(source="line", keys=("Invoice number",))


def process(*fields: Field, **more: Any) -> ProcessTable:
    mailbox = MailboxTable(name="in", server="s", address="in@office.example", password_env="P")
    return ProcessTable(stage=(STAGE,), mailbox=(mailbox,), field=fields, **more)


def with_source(kind: str = "text", **source: Any) -> ProcessTable:
    choices = ("x", "y") if kind == "choice" else ()
    field: Any = Field(name="a", type=kind, choices=choices, sources=(FieldSource(**source),))  # type: ignore[arg-type]
    return process(field)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (with_source(source="invoice"), "from[0].value: is missing"),
        (with_source(source="line"), "from[0].keys: is missing"),
        (
            with_source(source="line", keys=("a: b",)),
            "from[0].keys[0]: is not a valid key of a line",
        ),
        (with_source(source="subject"), "from[0].pattern: is missing"),
        (with_source(source="mailbox"), "from[0].map: is missing"),
        (with_source(source="header", header="X-A"), "from[0].server: is missing"),
        (
            with_source(source="sender", keys=("a",)),
            "from[0].keys: has no effect for the source sender",
        ),
        (
            with_source(source="subject", pattern="invoice {txt} of"),
            "from[0].pattern: {txt} is not a typed placeholder; did you mean",
        ),
        (with_source(source="subject", pattern="invoice {date}"), "0 placeholders of type text"),
        (with_source(source="subject", pattern="a {text} b {text}"), "2 placeholders of type text"),
        (with_source(source="subject", pattern="a {text} {date}"), "two adjacent placeholders"),
        (with_source(source="subject", pattern="{text}"), "has no text of its own"),
        (with_source(source="subject", pattern="a {text} }"), "has a single brace"),
        (
            with_source("choice", source="plus", map={"acme": "z"}),
            'from[0].map.acme: "z" is not one of the choices',
        ),
        (
            with_source("money", source="plus", map={"acme": "12 zł"}),
            'from[0].map.acme: "12 zł" is not a valid money; write an amount such as 1234.56 PLN',
        ),
        (
            with_source(source="mailbox", map={"inn": "x"}),
            'from[0].map.inn: no mailbox of this process is named "inn"; did you mean "in"?',
        ),
        (with_source(source="sender", map={"jan": "x"}), "from[0].map.jan: is neither"),
        (
            with_source("number", source="sender"),
            "from[0].map: an address is not a value of type number",
        ),
        (
            with_source(source="line", keys=("a",), who="listed"),
            'from[0].listed: does not match who = "listed"',
        ),
        (
            with_source(source="line", keys=("a",), who="authenticated"),
            "from[0].who: requires authentication of senders, which is not set up",
        ),
        (process(Field(name="a", unique_with=("a",))), "unique_with[0]: is the field itself"),
        (process(Field(name="a", unique_with=("b",))), 'no field of this process is named "b"'),
        (process(own_tax_ids=("5261040827",)), "p.own_tax_ids[0]: the checksum of 5261040827"),
    ],
)
def test_a_mistake_is_named_with_its_place(settings: ProcessTable, problem: str) -> None:
    assert any(problem in str(mistake) for mistake in field_mistakes(settings, "p"))


def test_every_mistake_is_listed_at_once() -> None:
    sources = (FieldSource(source="invoice"), FieldSource(source="line"))
    mistakes = list(
        field_mistakes(process(Field(name="a", sources=sources, unique_with=("b",))), "p")
    )
    assert [mistake.path for mistake in mistakes] == [
        "p.field[0].unique_with[0]",
        "p.field[0].from[0].value",
        "p.field[0].from[1].keys",
    ]


def test_sources_that_fit_have_no_mistake() -> None:
    sources = (
        FieldSource(source="invoice", value="number"),
        LINE,
        FieldSource(source="subject", pattern="faktura {text} z {date}"),
        FieldSource(source="mailbox", map={"in": "x"}),
        FieldSource(source="header", header="X-A", server="mx.office.example"),
        FieldSource(source="plus", who="listed", listed=("@office.example",)),
        FieldSource(source="sender", map={"@office.example": "x"}),
    )
    field = Field(name="a", sources=sources, unique_with=("b",))
    settings = process(
        field,
        Field(name="b"),
        own_tax_ids=("5261040828", "DE811907980"),
        authentication_server="mx.office.example",
    )
    assert not list(field_mistakes(settings, "p"))


def test_the_hash_of_a_rule_changes_with_what_it_reads_and_with_nothing_else() -> None:
    field = Field(name="a", sources=(LINE,))
    before = rule_hash(field, LINE)
    assert before == "e0b509b01cba8dea"  # stored with values: it may not differ between versions
    assert rule_hash(replace(field, title="A", required_for=("new",)), LINE) == before
    changed = [
        rule_hash(replace(field, type="number"), LINE),
        rule_hash(replace(field, name="b"), LINE),
        rule_hash(field, replace(LINE, keys=("Number",))),
        rule_hash(field, replace(LINE, who="anyone")),
        rule_hash(field, replace(LINE, when="opening")),
    ]
    assert len({before, *changed}) == len(changed) + 1


@pytest.mark.parametrize(
    ("kind", "source", "when"),
    [
        ("text", LINE, "both"),
        ("iban", LINE, "opening"),
        ("money", LINE, "opening"),
        ("money", replace(LINE, when="both"), "both"),
        ("iban", FieldSource(source="invoice", value="account"), "both"),
        ("text", FieldSource(source="mailbox", map={"in": "x"}), "opening"),
    ],
)
def test_money_and_accounts_in_lines_are_read_from_the_opening_mail_alone(
    kind: Any, source: FieldSource, when: str
) -> None:
    assert source.effective_when(kind) == when
