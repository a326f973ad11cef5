"""`Key: value` lines: only the unbroken block at the beginning of a text counts."""

import pytest

from services.extractor.reading.lines import MAX_LINES, head_lines, lines_with_key


def pairs(text: str) -> list[tuple[int, str, str]]:
    return [(line.number, line.key, line.value) for line in head_lines(text)]


def test_the_run_at_the_head_is_read() -> None:
    text = "\nNumer faktury: FV/1/2026\nKwota = 1 234,56 zł\nGood morning,\nNumer faktury: FV/2"
    assert pairs(text) == [(2, "Numer faktury", "FV/1/2026"), (3, "Kwota", "1 234,56 zł")]


@pytest.mark.parametrize(
    "text",
    [
        "Hello\nAmount: 5",
        "> Amount: 5",
        "Amount:",
        ": 5",
        "Amount: " + "5" * 300,
        "a" * 60 + ": 5",
        "",
    ],
)
def test_anything_else_at_the_head_is_no_run(text: str) -> None:
    assert pairs(text)[:1] in ([], [(1, "> Amount", "5")])


def test_a_blank_line_ends_the_run() -> None:
    assert pairs("A: 1\n\nB: 2") == [(1, "A", "1")]


def test_at_most_30_lines_count() -> None:
    text = "\n".join(f"Key{n}: {n}" for n in range(100))
    assert len(head_lines(text)) == MAX_LINES


def test_invisible_and_bidirectional_characters_are_removed_before_matching() -> None:
    text = "\u202eA\u200bmo\u00adunt\u2066:\ufe0f 5\u202c\u3164 EUR"
    assert pairs(text) == [(1, "Amount", "5 EUR")]


def test_only_a_line_feed_ends_a_line() -> None:
    assert pairs("A: 1\u2028B: 2\x0bC: 3") == [(1, "A", "1 B: 2 C: 3")]


def test_keys_match_without_regard_to_case_and_spaces() -> None:
    lines = head_lines("NUMER  FAKTURY: 1\nnumer faktury: 2\nNumer: 3")
    assert [line.value for line in lines_with_key(lines, ["Numer faktury"])] == ["1", "2"]


def test_a_million_characters_take_no_time() -> None:
    assert head_lines("a" * 1_000_000) == []
    assert head_lines("\n" * 1_000_000) == []
    assert len(head_lines("a: b\n" * 200_000)) == MAX_LINES
