"""Separating new text from the rest: the rules and their edge cases. The corpus covers the forms of
mail programs.
"""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.case_writer.reading.attachments.signed import without_armor
from services.case_writer.reading.text.plain import clean, unflow
from services.case_writer.reading.text.quotes import strip_quotes

LINES = (
    "> quoted", ">> more", "new words", "", "W dniu 23.11.2026 o 10:11, Anna pisze:",
    "On 23 Nov 2026 at 10:11 Jan wrote:", "-- ", "--", "-----Original Message-----", "From: Jan", "Sent: Monday",
    "To: Anna", "Subject: x", "Od: Jan", "Temat: y", "_____", "Sent from my iPhone", "Begin forwarded message:",
    "wrote:", ":", "Do: a",
)  # fmt: skip


def text(*lines: str) -> str:
    return "\n".join(lines)


def test_text_without_marks_is_what_was_written() -> None:
    for words in ("", "a", "a\n\nb: c", "- one\n- two", "Total: 5\nFrom here on: nothing"):
        assert strip_quotes(words) == words


@pytest.mark.parametrize(
    "attribution",
    [
        "W dniu 23.11.2026 o 10:11, Anna Nowak pisze:",
        "On 23.11.2026 10:11, Anna Nowak wrote:",
        "Am 23.11.2026 um 10:11 schrieb Anna Nowak:",
        "Le 23/11/2026 à 10:11, Anna Nowak a écrit :",
        "Anna Nowak <anna@x.example> wrote:",
        "Użytkownik Anna Nowak napisał:",
        "Zitat von Anna Nowak <anna@x.example>:",
        "2026年11月23日(月) 10:11 田中 <tanaka@x.example>:",
        "пн, 23 нояб. 2026 г. в 10:11, Анна <anna@x.example>:",
    ],
)
def test_an_attribution_goes_with_its_quote(attribution: str) -> None:
    assert strip_quotes(text("Ok.", "", attribution, "> Kiedy?")) == "Ok."


def test_a_sentence_above_a_quote_is_no_attribution() -> None:
    mail = text("See what the contract has:", "> § 1")
    assert strip_quotes(mail) == mail
    assert strip_quotes(mail, quotes_are_marked=True) == "See what the contract has:"


def test_an_answer_between_quotes_keeps_them_all() -> None:
    mail = text("> one", "answer", "> two")
    assert strip_quotes(mail) == mail


def test_a_blank_line_of_a_quote_within_a_quote_belongs_to_it() -> None:
    quote = "On 23 Nov 2026 at 10:11, Anna Nowak <a@x.example> wrote:\n> Yes.\n>\n>> First.\n"
    for blank in (">>", ">> ", "> >", ">>>"):
        assert strip_quotes(f"Hello\n\n{quote}{blank}\n>> Second.") == "Hello"
        assert strip_quotes(f"{quote}{blank}\n>> Second.\n\nHello") == "Hello"
        own = f"Hello\n{blank}\nnext page"
        assert strip_quotes(own) == own


def test_only_the_attribution_makes_a_quote_above_disappear() -> None:
    quote = text("> one", "", "answer")
    assert strip_quotes(quote) == quote
    assert strip_quotes(text("On 23.11.2026 10:11, Anna wrote:", quote)) == "answer"


def test_lines_that_begin_like_a_quote_stay_unless_a_program_quoted_them() -> None:
    for own in (
        text("Please order", "> 3 items of A"),
        text("Needed:", "", "> 3 items", "> 10 boxes", "", "-- ", "Jan"),
    ):
        assert text(*own.split("\n")[:2]) in strip_quotes(own)
        assert "> 3 items" in strip_quotes(own)
    for mark in (
        ">",
        ">> Tuesday?",
        "> On 23.11.2026 10:11, Anna wrote:",
        "> -----Original Message-----",
    ):
        assert strip_quotes(text("Yes.", "", mark, "> When?")) == "Yes."


def test_a_header_of_two_lines_is_none() -> None:
    mail = text("Ok", "", "From: the office", "Subject: nothing")
    assert strip_quotes(mail) == mail


def test_a_separator_needs_its_dashes() -> None:
    assert strip_quotes(text("Ok", "Original message", "old")) == text(
        "Ok", "Original message", "old"
    )
    assert strip_quotes(text("Ok", "----- Original message -----", "old")) == "Ok"


def test_a_whole_page_is_not_a_signature() -> None:
    mail = text("Ok", "-- ", *(f"line {index}" for index in range(60)))
    assert strip_quotes(mail) == mail


def test_a_mail_of_nothing_new_stays_whole() -> None:
    for mail in (
        text("> a"),
        text("-- ", "Jan"),
        text("-----Original Message-----", "old"),
        text("", "Sent from my iPhone"),
    ):
        assert strip_quotes(mail) == mail


@given(st.lists(st.sampled_from(LINES), max_size=25).map("\n".join))
@settings(max_examples=150, deadline=None)
def test_what_was_written_is_a_piece_of_the_text(mail: str) -> None:
    written = strip_quotes(mail)
    assert written in mail
    assert bool(written.strip()) == bool(mail.strip())


@pytest.mark.parametrize("line", [*LINES, "x:", "on a", "from: a\nx"])
def test_a_hundred_thousand_letters_take_less_than_five_seconds(line: str) -> None:
    mail = f"{line}\n" * (100_000 // (len(line) + 1))
    started = time.process_time()
    strip_quotes(mail)
    assert time.process_time() - started < 5.0


class TestSignedText:
    SIGNED = text(
        "-----BEGIN PGP SIGNED MESSAGE-----", "Hash: SHA256", "", "Words", "- - dashed",
        "-----BEGIN PGP SIGNATURE-----", "", "abc", "-----END PGP SIGNATURE-----", "footer",
    )  # fmt: skip

    def test_loses_its_armor_and_its_escapes(self) -> None:
        assert without_armor(self.SIGNED) == text("Words", "- dashed", "footer")

    def test_that_is_not_whole_stays(self) -> None:
        for cut in ("-----END PGP SIGNATURE-----", "-----BEGIN PGP SIGNATURE-----", "\n\n"):
            assert without_armor(self.SIGNED.replace(cut, "")) == self.SIGNED.replace(cut, "")


class TestFlowed:
    def test_paragraphs_of_one_depth_are_joined(self) -> None:
        assert unflow("a \nb\n>c \n>d\n>> e \nf", delete_space=False) == "a b\n> c d\n>> e\nf"

    def test_a_stuffed_space_is_removed(self) -> None:
        assert unflow(" From\n  x", delete_space=False) == "From\n x"

    def test_the_last_line_may_be_open(self) -> None:
        assert unflow("a ", delete_space=True) == "a"


def test_line_ends_of_all_kinds_become_one() -> None:
    assert clean("a\r\nb\rc\u2028d\x85e\x0bf\x00") == "a\nb\nc\nd\nef"
