"""Words match across case forms, accents and spellings."""

from itertools import permutations

import pytest

from services.desk.search.words import fold, variants

# The endings in `words` were chosen with the first list in view; the second one was not.
SEEN = """
faktura faktury fakturze fakturę fakturą faktur fakturom fakturami fakturach
umowa umowy umowie umowę umową umów umowom umowami umowach
reklamacja reklamacji reklamację reklamacją reklamacje reklamacjom reklamacjami reklamacjach
zamówienie zamówienia zamówieniu zamówieniem zamówień zamówieniom zamówieniami zamówieniach
kwota kwoty kwocie kwotę kwotą kwot kwotom kwotami kwotach
szkoda szkody szkodzie szkodę szkodą szkód szkodom szkodami szkodach
klient klienta klientowi klientem kliencie klienci klientów klientom klientami klientach
rachunek rachunku rachunkowi rachunkiem rachunki rachunków rachunkom rachunkami rachunkach
Kowalski Kowalskiego Kowalskiemu Kowalskim Kowalscy Kowalskich Kowalskimi
przesyłka przesyłki przesyłce przesyłkę przesyłką przesyłek przesyłkom przesyłkami przesyłkach
"""
UNSEEN = """
oferta oferty ofercie ofertę ofertą ofert ofertom ofertami ofertach
pracownik pracownika pracownikowi pracownikiem pracowniku pracownicy pracowników pracownikom pracownikami
dokument dokumentu dokumentowi dokumentem dokumencie dokumenty dokumentów dokumentom dokumentach
mieszkanie mieszkania mieszkaniu mieszkaniem mieszkań mieszkaniom mieszkaniami mieszkaniach
cena ceny cenie cenę ceną cen cenom cenami cenach
towar towaru towarowi towarem towarze towary towarów towarom towarami towarach
wypadek wypadku wypadkowi wypadkiem wypadki wypadków wypadkom wypadkami wypadkach
gwarancja gwarancji gwarancję gwarancją gwarancje gwarancjom gwarancjami gwarancjach
książka książki książce książkę książką książek książkom książkami książkach
miesiąc miesiąca miesiącowi miesiącem miesiącu miesiące miesięcy miesiącom miesiącami miesiącach
decyzja decyzji decyzję decyzją decyzje decyzjom decyzjami decyzjach
nowy nowego nowemu nowym nowa nowej nową nowe nowych nowymi
zapłacić zapłaciłem zapłaciła zapłacimy zapłacą zapłacono
"""


def recall(words: str, *, typed_without_accents: bool = False) -> float:
    """The share of pairs of forms of a word that match each other."""
    asked = fold if typed_without_accents else str
    pairs = [pair for line in words.split("\n") for pair in permutations(line.split(), 2)]
    found = sum(bool({*variants(text)} & {*variants(asked(query))}) for text, query in pairs)
    return found / len(pairs)


def test_polish_case_forms_find_each_other() -> None:
    assert recall(SEEN) > 0.97
    assert recall(UNSEEN) > 0.80


def test_polish_case_forms_typed_without_accents_find_the_accented_ones() -> None:
    assert recall(SEEN, typed_without_accents=True) > 0.93
    assert recall(UNSEEN, typed_without_accents=True) > 0.75


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Łódź", "lodz"),
        ("żółw", "ZOLW"),
        ("Straße", "strasse"),
        ("Müller", "muller"),
        ("Müller", "Mueller"),
        ("Muenchen", "München"),
        ("Rechnung", "Rechnungen"),
        ("invoice", "invoices"),
        ("payment", "payments"),
        ("e\u0301tude", "étude"),
        ("fak\u00adtura", "faktura"),
        ("\uff26\uff21\uff2b", "fak"),
        ("Ærø", "aero"),
        ("007", "7"),
    ],
)
def test_spellings_of_a_word_find_each_other(one: str, other: str) -> None:
    assert {*variants(one)} & {*variants(other)}


@pytest.mark.parametrize(
    ("one", "other"), [("faktura", "fakir"), ("bar", "barbecue"), ("12", "120"), ("Jan", "Janina")]
)
def test_other_words_do_not(one: str, other: str) -> None:
    assert not {*variants(one)} & {*variants(other)}


def test_single_letters_are_no_words_and_single_digits_are() -> None:
    assert variants("i") == ()
    assert variants("7") == ("7",)
