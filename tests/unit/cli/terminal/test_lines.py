"""Long lines end between words; ids, addresses and what a pipe reads stay whole."""

import pytest

from services.cli.terminal.lines import wrapped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a short line", "a short line"),
        ("FAIL  mailbox a: cannot connect", "FAIL  mailbox a: cannot\n      connect"),
        ("\n    two words and two more", "\n    two words and two\n          more"),
        ("  zaneta.swiatek@supplier-of-heating.example", None),
        ("", ""),
    ],
)
def test_a_line_is_broken_between_words_and_indented(text: str, expected: str | None) -> None:
    assert wrapped(text, 6, width=24) == (text if expected is None else expected)


def test_a_pipe_gets_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert wrapped("word " * 100) == "word " * 100
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, wrapped("word " * 100).splitlines())) <= 80
