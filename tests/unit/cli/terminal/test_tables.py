"""Tables at 80 columns: what people copy stays whole, and every row is one line where it can be."""

import pytest

from services.cli.terminal.tables import print_table, short_keys

HEADINGS = ("key", "recorded", "mailbox", "reason", "subject", "from")
ROW = (
    "5f1d0c2a",
    "11-29 08:15",
    "invoices",
    "too-many-new-cases",
    "Faktura 12/2026 za usługi " * 4,
    "Żaneta Świątek-Brzęczyszczykiewicz",
)


def test_ids_are_never_wrapped_or_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_table(HEADINGS, [ROW], whole=("key", "recorded", "reason"))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for cell in (ROW[0], ROW[1], ROW[3]):
        assert cell in out


def test_a_pipe_has_one_line_for_each_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table(HEADINGS, [ROW, ROW], whole=("key",))
    assert capsys.readouterr().out.count("Świątek-Brzęczyszczykiewicz") == 2


def test_keys_are_as_short_as_they_stay_different() -> None:
    assert short_keys(["aaaabbbb", "aaaacccc", "dddd0000"], 4) == ["aaaab", "aaaac", "dddd0"]
    assert short_keys(["aaaa", "aaaa"], 2) == ["aa", "aa"]
    assert short_keys([], 8) == []
