"""Ready-made texts: how placeholders are filled, and which settings are refused."""

from pathlib import Path

import pytest

from services.desk.composing.snippets import fill_snippets
from services.runtime.errors import SettingsError
from services.runtime.settings import load_settings
from services.runtime.settings.schema.processes import Snippet
from tests.integration.desk.conftest import TOML

VALUES = {"author": "{{ me }} & <b>Jan</b>", "me": "Anna", "reference": "[#7]"}


def test_values_are_inserted_as_they_are_and_once() -> None:
    snippet = Snippet(title="Hello", text="Dear {{author}}, {{ reference }} {{  stage }}{{ me }}")
    (filled,) = fill_snippets([snippet], VALUES)
    assert filled.text == "Dear {{ me }} & <b>Jan</b>, [#7] Anna"


@pytest.mark.parametrize(
    "text", ["{{ me.__class__ }}", "{{ 7 * 7 }}", "{{ }}", "{{ 'x'|upper }}", "{{ subject }}"]
)
def test_a_place_that_no_value_fills_is_a_mistake(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text("0123456789abcdef0123456789abcdef\n")
    (tmp_path / "password").write_text("secret\n")
    table = f"\n[[process.help.snippet]]\ntitle = 'A'\ntext = \"{text}\"\n"
    (tmp_path / "mailcase.toml").write_text(TOML + table)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "mailcase.toml", {})
    (mistake,) = caught.value.mistakes
    assert mistake.path == "process.help.snippet[0].text"
    assert "reference, number, title" in mistake.hint


def test_two_texts_of_a_process_have_different_titles(tmp_path: Path) -> None:
    table = "\n[[process.help.snippet]]\ntitle = 'A'\ntext = 'x'\n"
    (tmp_path / "mailcase.toml").write_text(TOML + table + table)
    with pytest.raises(SettingsError, match=r"snippet\[1\]"):
        load_settings(tmp_path / "mailcase.toml", {})
