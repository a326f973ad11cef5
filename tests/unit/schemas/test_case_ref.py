"""Case references: valid ones, lookalikes, and that they are read back as they were written."""

import pytest

from schemas.case_ref import MAX_DIGITS, CaseReference

PLAIN = CaseReference()
PREFIXED = CaseReference("Case")


@pytest.mark.parametrize(
    ("subject", "numbers"),
    [
        ("RE: Case [#235] was accepted", [235]),
        ("[#1]", [1]),
        ("x[#7]y", [7]),
        ("[#12] and [#3], again [#12]", [12, 3]),
        ("[ #235 ] blanks within", [235]),
        ("[\t#235\t]", [235]),
        ("[    #235    ]", [235]),
        (f"[#{'9' * 15}]", [10**15 - 1]),
        ("[[#5]]", [5]),
        ("[#5][#6]", [5, 6]),
        ("[#12 [#13]", [13]),
        ("", []),
        ("235 #235 (#235) {#235} [235]", []),
        ("[#0]", []),
        ("[#012]", []),
        ("[#-12] [#+12]", []),
        ("[#12.5] [#1,2] [#1_000] [#1e3] [#0x1f]", []),
        (f"[#1{'0' * 15}]", []),
        ("[#１２]", []),
        ("[＃12]", []),
        ("[#٣]", []),
        ("[#1２]", []),
        ("[# 12]", []),
        ("[#1 2]", []),
        ("[     #12]", []),
        ("[\u00a0#12]", []),
        ("[#12\n]", []),
        ("[#12", []),
        ("#12]", []),
    ],
)
def test_a_subject_gives_its_numbers_in_order_without_repeats(
    subject: str, numbers: list[int]
) -> None:
    assert PLAIN.find(subject) == numbers


@pytest.mark.parametrize(
    "control", "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
def test_nothing_after_a_bidi_control_is_believed(control: str) -> None:
    assert PLAIN.find(f"[#1] {control}[#2]") == [1]
    assert PLAIN.find(f"[#{control}12]") == []


@pytest.mark.parametrize("marks", ["\u200f", "\u200e", "\u061c", "\u200f\u200f\u200e"])
def test_marks_of_direction_before_a_subjects_first_word_are_harmless(marks: str) -> None:
    assert PLAIN.find(f"{marks}RE: [#12]") == [12]
    assert PLAIN.find(f"{marks}[#12]") == PLAIN.find(f"{marks} [#12]") == []
    assert PLAIN.find(f"{marks}RE: \u202e[#12]") == PLAIN.find(f"\u202e{marks}RE: [#12]") == []


@pytest.mark.parametrize(
    "subject", ["[Case #12]", "[case #12]", "[ CASE  #12 ]", "[Case#12]", "[#12]"]
)
def test_a_prefix_is_read_in_any_case_and_may_be_missing(subject: str) -> None:
    assert PREFIXED.find(subject) == [12]


@pytest.mark.parametrize(
    "subject", ["[Ticket #12]", "[Cases #12]", "[Case: #12]", "[Case 12]", "[Case #012]"]
)
def test_another_word_before_the_number_is_no_reference(subject: str) -> None:
    assert PREFIXED.find(subject) == []


def test_without_a_prefix_in_the_settings_none_is_read() -> None:
    assert PLAIN.find("[Case #12]") == []


def test_a_prefix_is_a_word_and_no_pattern() -> None:
    odd = CaseReference("C.*(")
    assert odd.find("[C.*( #12] [Cxx( #13]") == [12]


@pytest.mark.parametrize("reference", [PLAIN, PREFIXED, CaseReference("Sprawa nr")])
@pytest.mark.parametrize("number", [1, 235, 10**MAX_DIGITS - 1])
def test_what_is_written_is_read_back(reference: CaseReference, number: int) -> None:
    assert reference.find(f"Odp: {reference.write(number)} Faktura") == [number]


@pytest.mark.parametrize("number", [0, -1, 10**MAX_DIGITS])
def test_a_number_that_could_not_be_read_back_is_not_written(number: int) -> None:
    with pytest.raises(ValueError, match=str(number)):
        PLAIN.write(number)


def test_the_form_in_a_subject() -> None:
    assert (PLAIN.write(235), PREFIXED.write(235)) == ("[#235]", "[Case #235]")
