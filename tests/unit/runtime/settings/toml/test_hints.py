"""Typical mistakes in the settings are reported with their line and usual cause, and without
values.
"""

import os
from pathlib import Path

import pytest

from services.runtime.errors import SettingsError
from services.runtime.settings import load_settings
from services.runtime.settings.toml.places import Places

GOOD = """\
[server.corp]
protocol = "imap"
host = "imap.example.com"

[process.invoices]
title = "Faktury"
[[process.invoices.stage]]
name = "registration"
initial = true
[[process.invoices.mailbox]]
server = "corp"
address = "invoices@example.com"
password_file = "password"
"""


def error(tmp_path: Path, text: str) -> str:
    file = tmp_path / "mailcase.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, os.environ)
    return str(caught.value).replace(f"{file}: ", "")


@pytest.mark.parametrize(
    ("before", "after", "line", "hint"),
    [
        ('host = "imap.example.com"', "host = hunter2", 3, 'in quotes: host = "…"'),
        ('host = "imap.example.com"', 'host = "hunter2', 3, "close the quotes"),
        ('host = "imap.example.com"', "host = “hunter2”", 3, "straight quotes"),
        ('host = "imap.example.com"', 'host: "hunter2"', 3, "= between name and value"),
        ('host = "imap.example.com"', 'host = "C:\\hunter2"', 3, "single quotes"),
        ('host = "imap.example.com"', "host hunter2", 3, "a line such as host ="),
        ('host = "imap.example.com"', "host =", 3, "write a value after host ="),
        ("initial = true", "initial = yes", 9, "write true without quotes"),
        ("initial = true", "initial = True", 9, "write true without quotes"),
        ("[process.invoices]", "[process.księgowość]", 5, "ASCII letters"),
        ("[process.invoices]", "[process.cost invoices]", 5, "no spaces"),
        ("[process.invoices]", "[process.invoices", 5, "as many ] as ["),
        ('title = "Faktury"', 'tytuł = "x"', 6, "ASCII letters"),
        ('title = "Faktury"', 'title = "a"\ntitle = "b"', 7, "remove one"),
        (
            "[[process.invoices.stage]]",
            '[process.invoices.stage]\nname = "a"\n[process.invoices.stage]',
            9,
            "write [[process.invoices.stage]] with double brackets",
        ),
        ("[[process.invoices.stage]]", "[process.invoices.stage]", 7, "with double brackets"),
        ('protocol = "imap"', 'protocol = "imapp"', 2, 'did you mean "imap"?'),
        ('protocol = "imap"', 'protocoll = "imap"', 2, 'did you mean "protocol"?'),
        ('server = "corp"', 'server = "crop"', 11, 'did you mean "corp"?'),
        (
            'password_file = "password"',
            'password = "hunter2"',
            13,
            "name its file in password_file",
        ),
    ],
)
def test_a_slip_is_reported_with_its_line_and_its_usual_cause(
    tmp_path: Path, before: str, after: str, line: int, hint: str
) -> None:
    assert GOOD.count(before) == 1
    lines = error(tmp_path, GOOD.replace(before, after)).splitlines()
    [found] = [text for text in lines if text.startswith(f"line {line}")]
    assert hint in found
    assert "hunter2" not in "\n".join(lines)


def test_what_is_missing_is_reported_with_the_line_of_its_table(tmp_path: Path) -> None:
    text = GOOD.replace('server = "corp"\n', "")
    [line] = error(tmp_path, text).splitlines()
    assert line.startswith("line 10: process.invoices.mailbox[0].server: is missing")


def test_places_are_found_in_later_entries_of_a_list() -> None:
    places = Places("[[a.b]]\nx = 1\n[[a.b]]\ny = 2\n[a.b.c]\nz = 3\n[a.'d e']\n")
    assert places.line("a.b[0].x") == 2
    assert places.line("a.b[1].y") == 4
    assert places.line("a.b[1].c.z") == 6
    assert places.line("a.b[1].missing") == 3
    assert places.line("other") is None
