"""Acknowledgements from templates: three built-in languages, others from the settings, and nothing
from a mail.
"""

from pathlib import Path

import pytest
from msgspec import structs

from services.runtime.errors import SettingsError
from services.runtime.settings.schema.processes import CaseReference
from services.sender.templates import Templates, Values
from tests.unit.sender.builders import NOW, settings

VALUES = Values("[#235]", 235, "Faktury kosztowe", "Registration", NOW)
HEAD = "enabled = true"


def templates(folder: Path, lines: str = "") -> Templates:
    return Templates(settings(folder, (HEAD, f"{HEAD}\n{lines}")))


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("en", "Case [#235] was opened"),
        ("pl", "Sprawa [#235] została założona"),
        ("de", "Vorgang [#235] wurde angelegt"),
    ],
)
def test_each_language_has_a_subject_and_a_text(
    tmp_path: Path, language: str, subject: str
) -> None:
    rendered = templates(tmp_path, f'language = "{language}"').render("invoices", VALUES)
    assert rendered[0] == subject
    assert "[#235]" in rendered[1]
    assert "Faktury kosztowe" in rendered[1]


@pytest.mark.parametrize(
    ("language", "prefix", "subject"),
    [
        ("pl", "Sprawa", "[Sprawa #235] została założona"),
        ("en", "Case", "[Case #235] was opened"),
        ("de", "Ticket", "[Ticket #235] wurde angelegt"),
    ],
)
def test_a_prefix_replaces_our_word_for_a_case(
    tmp_path: Path, language: str, prefix: str, subject: str
) -> None:
    chosen = settings(tmp_path, (HEAD, f'{HEAD}\nlanguage = "{language}"'))
    chosen = structs.replace(chosen, case_reference=CaseReference(prefix=prefix))
    values = Values(f"[{prefix} #235]", 235, "Faktury kosztowe", "Registration", NOW)
    assert Templates(chosen).render("invoices", values)[0] == subject


def test_a_template_of_the_settings_sees_the_values(tmp_path: Path) -> None:
    text = "{% if number > 9 %}{{ stage }} {{ opened_at.year }}{% endif %}"
    lines = f"subject = '{{{{ process }}}}: {{{{ number }}}}'\ntext = '{text}'"
    assert templates(tmp_path, lines).render("invoices", VALUES) == (
        "Faktury kosztowe: 235",
        "Registration 2026",
    )


def test_a_value_is_data_even_where_it_looks_like_a_template(tmp_path: Path) -> None:
    values = Values("[#1]", 1, "{{ 7 * 7 }}{% include '/etc/passwd' %}", "x", NOW)
    _, text = templates(tmp_path).render("invoices", values)
    assert "{{ 7 * 7 }}{% include '/etc/passwd' %}" in text


BROKEN = [
    ("subject = '{{ refrence }}'", "subject", "UndefinedError"),
    ("text = '{% if %}'", "text", "TemplateSyntaxError"),
    ("text = '{{ number.__class__.__mro__ }}'", "text", "SecurityError"),
    ("text = '{{ self.__init__.__globals__ }}'", "text", "SecurityError"),
    ("text = '{{ range(999999999) | list }}'", "text", "OverflowError"),
    ("text = '{% include \"/etc/passwd\" %}'", "text", "TypeError"),
]


@pytest.mark.parametrize(("line", "key", "problem"), BROKEN)
def test_a_template_that_cannot_be_used_is_a_mistake_in_the_settings(
    tmp_path: Path, line: str, key: str, problem: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        templates(tmp_path, line)
    [mistake] = raised.value.mistakes
    assert mistake.path == f"process.invoices.acknowledgement.{key}"
    assert mistake.problem.startswith(problem)


def test_a_template_that_fails_on_some_case_gives_way_to_our_own(tmp_path: Path) -> None:
    made = templates(tmp_path, "text = '{{ 1 // (number - 235) }}'")
    assert made.render("invoices", Values("[#236]", 236, "F", "R", NOW))[1] == "1"
    assert "[#235]" in made.render("invoices", VALUES)[1]
