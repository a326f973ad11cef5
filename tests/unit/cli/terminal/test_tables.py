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
    assert len(out.splitlines()) == 3, out  # a long subject is cut, and never wrapped
    assert "…" in out


def test_a_narrow_terminal_leaves_out_what_matters_least(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    whole = ("key", "recorded", "reason")
    print_table(HEADINGS, [ROW], whole=whole, spare=("recorded", "mailbox"))
    [heading, _, row] = capsys.readouterr().out.splitlines()
    assert heading.split() == ["key", "mailbox", "reason", "subject", "from"]
    assert len(row) <= 60
    assert row.startswith("5f1d0c2a  invoices  too-many-new-cases  Faktura")


def test_the_last_column_wraps_below_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_table(("revision", "what"), [("12", "moved to approval " * 4)], wrap_last=True)
    lines = capsys.readouterr().out.splitlines()[2:]
    assert (
        " ".join(line.strip() for line in lines) == "12        " + ("moved to approval " * 4)[:-1]
    )
    assert all(line.startswith(" " * 10) for line in lines[1:])
    assert max(map(len, lines)) <= 40


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


def test_a_column_without_values_gives_its_room_to_the_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    headings, whole = ("case", "title", "assignee", "due"), ("case", "due")
    row = ("[#1]", "Reminder: both invoices " * 4, "", "12-01 21:16")
    monkeypatch.setenv("COLUMNS", "80")
    print_table(headings, [row], whole=whole, spare=("assignee",))
    assert capsys.readouterr().out.splitlines()[0].split() == ["case", "title", "due"]
    monkeypatch.setenv("COLUMNS", "200")
    print_table(headings, [row], whole=whole, spare=("assignee",))
    assert "assignee" in capsys.readouterr().out


def test_ids_and_queues_of_dead_letters_stay_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    headings = ("id", "died", "in", "message", "mail key", "reason")
    reason = r"unreadable: MessagePack data is malformed: invalid opcode '\xc1' (byte 0)"
    row = ("2ed49f9c9d72", "11-29 21:17", "case_writer.commands", "OpenCase.v1", "0" * 12, reason)
    monkeypatch.setenv("COLUMNS", "80")
    spare = ("mail key", "message")
    print_table(headings, [row], whole=headings[:3], spare=spare, wrap_last=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("2ed49f9c9d72  11-29 21:17  case_writer.commands  unreadable")
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 5
