"""Identifiers are found in any spelling, all words must match, and no text takes long."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.desk.search import identifiers
from services.desk.search.identifiers import find_identifiers
from services.desk.search.snippets import SNIPPET_CHARS, snippet
from services.desk.search.terms import MAX_QUERY_PARTS, MAX_TERMS, parse_query, terms_of

INVOICE = "Proszę o zapłatę faktury FV/12/2026 na kwotę 1 234,56 zł"
CONTACT = "NIP: 526-104-08-28, tel. +48 601 234 567"
ACCOUNT = "konto PL61 1090 1014 0000 0712 1981 2874 dziękuję"


def finds(text: str, query: str) -> bool:
    terms, parts = set(terms_of([text])), parse_query(query)
    return bool(parts) and all(terms.intersection(part.terms) for part in parts)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        *((INVOICE, q) for q in ("FV 12/2026", "fv/012/2026", "FV12/2026", "fv-12-2026")),
        *((INVOICE, q) for q in ("12/2026", "fv 12 2026", "zaplata FV/12/2026")),
        *((INVOICE, q) for q in ("1234.56", "1.234,56", "1,234.56", "1234,56 PLN", "1 234,56")),
        ("FV 12/2026", "FV/12/2026"),
        ("FV12/2026", "FV 12/2026"),
        ("2026/11/FV/0012", "2026/11/fv/12"),
        *((CONTACT, q) for q in ("5261040828", "526 104 08 28", "PL5261040828", "526-10-40-828")),
        *((CONTACT, q) for q in ("601234567", "+48601234567", "601-234-567", "48 601 234 567")),
        ("PL 5261040828", "526-104-08-28"),
        ("NIP 526 104 08 28 12 sztuk", "5261040828"),
        (ACCOUNT, "PL61109010140000071219812874"),
        (ACCOUNT, "61 1090 1014 0000 0712 1981 2874"),
        ("61109010140000071219812874", "PL61 1090 1014 0000 0712 1981 2874"),
        ("GB29NWBK60161331926819", "GB29 NWBK 6016 1331 9268 19"),
        ("Write to Jan.Kowalski@Customer.example.", "jan.kowalski@customer.example"),
        ("Write to Jan.Kowalski@Customer.example.", "kowalski"),
        ("Re: Case [#235] was accepted", "#235"),
        ("Termin: 29.11.2026", "2026-11-29"),
        ("Termin: 2026-11-29", "29.11.2026"),
        ("1 200 zł", "1200,00"),
        ("Saldo: 1200,00", "1.200 PLN"),
        ("Kowalska-Nowak", "kowalska nowak"),
        ("first\u00a0second", "second first"),
    ],
)
def test_an_identifier_is_found_in_any_spelling(text: str, query: str) -> None:
    assert finds(text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("RE/12/2025", "12/2026"),
        ("FV/1/22026", "FV/12/2026"),
        ("faktura 1234,00", "1234.56"),
        ("barbecue foo", "foo bar"),
        ("foo", "foo bar"),
        ("GB29NWBK60161331926819", "GB28NWBK60161331926819"),
        ("jan@customer.example", "jan@other.example"),
        ("numer 2350", "235"),
    ],
)
def test_something_else_is_not(text: str, query: str) -> None:
    assert not finds(text, query)


def test_two_numbers_separated_by_a_space_stay_two() -> None:
    assert finds("sprawa 235 z 2026", "2026 235")


@pytest.mark.parametrize("query", ["", "  ", "a", "!?", "-", "\u200b"])
def test_a_query_without_a_word_searches_nothing(query: str) -> None:
    assert parse_query(query) == []


def test_text_in_a_query_is_never_an_operator() -> None:
    assert finds('say "no" -never $where', '"no" -never $where')


@pytest.mark.parametrize(
    "text",
    [
        *("1 " * 100_000, "1-" * 100_000, "a." * 100_000, "@" * 200_000, "a" * 200_000),
        *("1" * 200_000, "PL61 " * 40_000, "PL61" + " AAAA" * 40_000, "a@" * 100_000),
        *("1,111" * 40_000, "x_" * 99_999, "a@a." + "a." * 99_000, "\u0301" * 200_000),
        *("a" + "\u00ad" * 199_999, "12.12.2026" * 20_000, "1/2026 " * 30_000, "# " * 99_999),
    ],
    ids=range(17),
)
def test_no_text_takes_long_or_yields_too_much(text: str) -> None:
    started = time.process_time()
    assert len(terms_of([text])) <= MAX_TERMS
    assert time.process_time() - started < 4.0  # measured: at most 0.6 s


def test_terms_and_queries_are_bounded() -> None:
    words = " ".join(f"word{number}" for number in range(20_000))
    assert len(terms_of([words])) == MAX_TERMS
    assert len(parse_query(words)) <= MAX_QUERY_PARTS


def test_terms_do_not_depend_on_the_order_of_texts() -> None:
    assert terms_of(["one two", "three"]) == terms_of(["three", "two one"])


def test_a_snippet_shows_the_first_match_and_marks_all_of_them() -> None:
    text = (
        "Dear all. " * 40
        + "The fakturę FV/12/2026\n of  Jan is paid; FV 12/2026 again. "
        + "Bye. " * 90
    )
    shown = snippet(text, parse_query("faktura 12/2026"))
    assert len(shown.text) <= SNIPPET_CHARS + 4
    assert [shown.text[start:end] for start, end in shown.marks] == [
        "fakturę",
        "12/2026",
        "12/2026",
    ]
    assert shown.text.startswith("… ")
    assert shown.text.endswith(" …")


def test_a_snippet_without_a_match_is_the_beginning() -> None:
    assert snippet("Hello  there", parse_query("other")).text == "Hello there"
    assert snippet("", parse_query("other")).text == ""
    assert len(snippet("x" * 5000, parse_query("other")).text) <= SNIPPET_CHARS + 4


@given(st.text(alphabet="FVPL 12/-.,#@ał€\n\r\u00a0", max_size=80))
def test_the_lines_without_digits_contain_nothing_that_is_missed(text: str) -> None:
    finders = (identifiers._addresses, *identifiers._NUMBERED)
    assert find_identifiers(text) == [found for finder in finders for found in finder(text)]
