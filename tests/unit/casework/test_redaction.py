"""What counts as a trace of a person: their data, and nobody else's."""

import pytest

from services.casework.erasure.redaction import Traces

JAN = Traces("jan@firma.example", {"Jan Kowalski", "Jan"}, {"I live at Long Street 7."})


@pytest.mark.parametrize(
    "text",
    [
        "jan@firma.example",
        "Write to <JAN@firma.example>, please.",
        "mailto:jan@firma.example?subject=x",
        "It was jan@firma.example.",
        "-jan@firma.example",
        "to=3Djan@firma.example=3E",
        "%3Cjan@firma.example%3E",
        r"line\njan@firma.example\n",
        "from jan@firma.example - today",
        "Jan wrote",
        "dear Jan Kowalski,",
        "Jan Kowalskiego",
        "agreement_Jan Kowalski.pdf",
        "Thanks, Jan.",
        "> I live at Long Street 7.",
    ],
)
def test_a_trace_is_found_wherever_it_stands(text: str) -> None:
    assert JAN.pattern().search(text)


@pytest.mark.parametrize(
    "text",
    [
        "marjan@firma.example",
        "anna.jan@firma.example",
        "anna-jan@firma.example",
        "jan@firma.example.pl",
        "jan@firma.example-group.pl",
        "jan@firma.examples",
        "In January, Janusz paid.",
        "Marjan Kowalski",
        "jan@other.example",
        "jan.nowak@firma.example",
        "a_jan@firma.example",
    ],
)
def test_the_data_of_others_is_no_trace(text: str) -> None:
    assert not JAN.pattern().search(text)
