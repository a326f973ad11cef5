"""A declared charset is used if it can be right; text with a wrong or missing declaration is read
by its letters.
"""

import base64
import random
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.case_writer.reading import ReadingLimits, read_mail
from services.runtime.mail.alphabets import LATIN, OTHER_SCRIPTS
from services.runtime.mail.charsets import decode
from services.runtime.mail.headers import MailHeaders
from services.runtime.mail.words import header_text
from tests.unit.runtime.mail.languages import LANGUAGES

# Pages that mail programs have written without naming them; those of DOS and the Macintosh are read
# if declared.
FREQUENT = {
    *(
        "utf-8",
        "iso8859-1",
        "iso8859-2",
        "iso8859-5",
        "iso8859-7",
        "iso8859-9",
        "iso8859-15",
        "koi8-r",
        "koi8-u",
    ),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254"),
}
WRONG = (
    "us-ascii",
    "utf-8",
    "iso-8859-1",
    "windows-1252",
    "iso-8859-2",
    "windows-1250",
    "windows-1251",
    "koi8-r",
)
MIME_NAMES = {"mac-roman": "macintosh", "mac-latin2": "x-mac-ce", "mac-cyrillic": "x-mac-cyrillic"}
LANGUAGE_PAGES = [(name, page) for name, language in LANGUAGES.items() for page in language.pages]


def mime_name(page: str) -> str:
    name = MIME_NAMES.get(page) or page.replace("iso8859", "iso-8859")
    return name.replace("cp125", "windows-125")


def short_texts(name: str) -> tuple[str, ...]:
    language = LANGUAGES[name]
    return (*language.subjects, *language.names, *language.files)


def encoded(texts: tuple[str, ...], page: str) -> Iterator[tuple[str, bytes]]:
    """The texts that the page can encode and that need it."""
    for text in texts:
        try:
            raw = text.encode(page)
        except UnicodeEncodeError:
            continue
        if not raw.isascii():
            yield text, raw


@pytest.mark.parametrize(("name", "page"), LANGUAGE_PAGES)
def test_a_true_declaration_is_never_overruled(name: str, page: str) -> None:
    texts = (LANGUAGES[name].body, *short_texts(name))
    wrong = [
        (text, got)
        for text, raw in encoded(texts, page)
        if (got := decode(raw, mime_name(page))[0]) != text
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("page", "languages"),
    [
        ("cp1252", "de fr es pt it sv fi da nl is"),
        ("iso8859-1", "de fr es pt it sv da"),
        ("iso8859-15", "fr fi de es et"),
        ("cp1250", "pl cs sk hu ro hr de"),
        ("iso8859-2", "pl cs sk hu ro hr de"),
        ("cp1254", "tr de"),
        ("cp1257", "lt lv et"),
        ("cp1251", "ru uk bg be sr"),
        ("koi8-r", "ru"),
        ("koi8-u", "uk ru"),
        ("iso8859-5", "ru bg"),
        ("cp1253", "el"),
        ("iso8859-7", "el"),
    ],
)
def test_a_true_declaration_is_never_overruled_for_words_in_any_case_and_languages_mixed(
    page: str, languages: str
) -> None:
    tables = [LATIN.get(name) or OTHER_SCRIPTS[name] for name in languages.split()]
    words = [word for table in tables for word in table[1].split()]
    chance = random.Random(235)
    texts = [*words, *map(str.upper, words), *map(str.capitalize, words)]
    texts += [" ".join(chance.sample(words, count)) for count in (2, 8) for _ in range(300)]
    wrong = [
        (text, got)
        for text, raw in encoded((*texts,), page)
        if (got := decode(raw, mime_name(page))[0]) != text
    ]
    assert wrong == []


@pytest.mark.parametrize(("name", "page"), LANGUAGE_PAGES)
def test_an_undeclared_body_is_read_in_any_page(name: str, page: str) -> None:
    body = LANGUAGES[name].body
    for text, raw in encoded((body,), page):
        assert decode(raw)[0] == text


def test_undeclared_short_texts_are_read_but_for_a_few() -> None:
    cells = [
        (decode(raw)[0], text)
        for name, page in LANGUAGE_PAGES
        if page in FREQUENT
        for text, raw in encoded(short_texts(name), page)
    ]
    assert len(cells) > 1300
    assert sum(got == text for got, text in cells) >= 0.985 * len(cells)


def wrongly_declared(texts: tuple[str, ...], page: str) -> Iterator[tuple[str, str]]:
    """What is read and what was written, for each declaration under which the text would differ."""
    for text, raw in encoded(texts, page):
        for declared in WRONG:
            if raw.decode(declared, "replace") != text:
                yield decode(raw, declared)[0], text


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_wrong_declaration_of_a_body_is_overruled(name: str) -> None:
    for page in FREQUENT.intersection(LANGUAGES[name].pages):
        for got, text in wrongly_declared((LANGUAGES[name].body,), page):
            assert got == text


@pytest.mark.parametrize(
    ("page", "declared"), [("koi8-r", "windows-1251"), ("windows-1251", "koi8-r")]
)
def test_cyrillic_in_capitals_must_be_declared_right(page: str, declared: str) -> None:
    text = (
        "Добрый день!\nВо вложении счёт за ремонт станка. Сумма 12 400 руб., оплатить нужно до конца "
        "недели.\nЕсли будут вопросы, звоните.\nС уважением\nЁлкин Семён"
    )
    assert decode(text.encode(page), declared)[0] == text
    for true in (text.upper(), f"{text} Частота 5 мГц, мощность 3 кВт.", "ПРОШУ ВЫСЛАТЬ СЧЁТ"):
        assert decode(true.encode(page), page)[0] == true


def test_most_wrong_declarations_of_short_texts_are_overruled() -> None:
    cells = [
        cell
        for name, page in LANGUAGE_PAGES
        if page in FREQUENT
        for cell in wrongly_declared(short_texts(name), page)
    ]
    assert len(cells) > 6000
    assert sum(got == text for got, text in cells) >= 0.87 * len(cells)


@pytest.mark.parametrize(("name", "page"), LANGUAGE_PAGES)
def test_raw_headers_are_read_by_the_charset_that_the_mail_names_elsewhere(
    name: str, page: str
) -> None:
    charset = mime_name(page).encode()
    person = next(encoded(LANGUAGES[name].names, page))
    for text, raw in encoded(LANGUAGES[name].subjects, page):
        typed = b'Content-Type: text/plain; charset="%b"\n\nx' % charset
        by_type = read_mail(
            b"From: %b <a@x.example>\nSubject: %b\n%b" % (person[1], raw, typed), ReadingLimits()
        )
        assert (by_type.author.name, by_type.subject) == (person[0], text)
        word = b"=?%b?B?%b?=" % (charset, base64.b64encode(person[1]))
        by_word = MailHeaders.parse(b"From: %b <a@x.example>\nSubject: %b\n\nx" % (word, raw))
        assert (by_word.addresses("From")[0].name, by_word.text("Subject")) == (person[0], text)


@pytest.mark.parametrize(
    ("subject", "author", "body", "page"),
    [
        ("Re: смета", "Пётр Жуков", "Добрый день, счёт во вложении.", "koi8-r"),
        ("Você recebeu?", "Inês Simões", "Não vimos a resposta até hoje.", "cp1252"),
        ("Yıllık bakım", "İbrahim Öztürk", "Teşekkürler, iyi günler.", "cp1254"),
    ],
)
def test_raw_headers_of_a_mail_that_names_no_charset_are_read_by_all_of_it(
    subject: str, author: str, body: str, page: str
) -> None:
    raw = f"Subject: {subject}\nFrom: {author} <a@x.example>\n\n{body}".encode(page)
    reading = read_mail(raw, ReadingLimits())
    assert (reading.subject, reading.author.name, reading.text) == (subject, author, body)


@pytest.mark.parametrize(("name", "page"), LANGUAGE_PAGES)
def test_file_names_are_read_in_each_of_their_spellings(name: str, page: str) -> None:
    charset = mime_name(page).encode()
    for text, raw in encoded(LANGUAGES[name].files, page):
        spellings = (
            b"filename*=%b''%b" % (charset, quote(raw).encode()),
            b'filename="=?%b?B?%b?="' % (charset, base64.b64encode(raw)),
            b'filename="%b"' % raw,
        )
        for spelling in spellings:
            mail = (
                b"From: a@x.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
                b"Content-Type: text/plain; charset=%b\n\nx\n--b\nContent-Type: application/octet-stream\n"
                b"Content-Disposition: attachment; %b\n\nabc\n--b--\n" % (charset, spelling)
            )
            [file] = read_mail(mail, ReadingLimits()).attachments
            assert (file.original_name or file.name) == text


class TestDamagedUtf8:
    @pytest.mark.parametrize("declared", [None, "us-ascii", "utf-8", "iso-8859-2", "windows-1252"])
    def test_stays_utf_8_with_one_replacement_character_and_a_flag(
        self, declared: str | None
    ) -> None:
        raw = "Zażółć gęślą jaźń, proszę o płatność".encode().replace("ę".encode(), b"\xc4", 1)
        assert decode(raw, declared) == ("Zażółć g\ufffdślą jaźń, proszę o płatność", True)

    def test_is_flagged_in_the_mail(self) -> None:
        raw = b"From: a@x.example\n\n" + "Zażółć g".encode() + b"\xc4" + "ślą jaźń".encode()
        reading = read_mail(raw, ReadingLimits())
        assert reading.text == "Zażółć g\ufffdślą jaźń"
        assert "charset-repaired" in reading.defects

    def test_is_distinguished_from_a_code_page_that_contains_a_sequence_of_it_by_chance(
        self,
    ) -> None:
        assert decode("PÓŁ litra, żółw i gęś".encode("cp1250"))[0] == "PÓŁ litra, żółw i gęś"


@pytest.mark.parametrize(
    ("text", "page", "declared"),
    [
        ("PODRÓŻ", "iso8859-2", "iso-8859-2"),
        ("QUALITÉ\xa0: oui", "cp1252", "iso-8859-1"),
        ("PÄŤ", "cp1250", "windows-1250"),
    ],
)
def test_letters_that_are_utf_8_by_chance_stay_as_declared(
    text: str, page: str, declared: str
) -> None:
    assert decode(text.encode(page), declared)[0] == text


@pytest.mark.parametrize(
    "text", ["Problem med åäö", "åäö", "ÄÖÜäöüß", "éèçàù", "àâçéèêëîïôûùüÿ", "Mª José y nºde serie"]
)
def test_letters_in_a_row_are_no_words_of_another_script(text: str) -> None:
    assert decode(text.encode("cp1252"), "iso-8859-1")[0] == text


def test_the_first_letters_beyond_ascii_may_come_late() -> None:
    text = (
        "Dear all, the goods have arrived. " * 2000
        + "Pozdrawiam, Łucja Śliwińska z działu sprzedaży"
    )
    assert decode(text.encode("cp1250"))[0] == text


def test_a_raw_header_in_utf_8_stays_so_whatever_the_mail_names() -> None:
    for charset in ("iso-8859-2", "gb2312", "shift_jis", "windows-1251", "utf-16"):
        raw = f"Subject: Faktura za październik\nContent-Type: text/plain; charset={charset}\n\nx".encode()
        assert MailHeaders.parse(raw).text("Subject") == "Faktura za październik"


@given(
    st.binary(min_size=1, max_size=300),
    st.sampled_from([None, *WRONG, "windows-1254", "iso-8859-9", "cp852"]),
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_text_without_lone_surrogates(data: bytes, charset: str | None) -> None:
    decode(data, charset)[0].encode()
    header_text(data, charset).encode()
