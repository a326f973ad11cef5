"""Address lists in the forms that RFC 5322 still allows, and in forms that no RFC allows."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.case_writer.reading import ReadingLimits, read_mail
from services.runtime.mail.addresses import base_address, parse_addresses
from services.runtime.mail.headers import MailHeaders
from services.runtime.mail.words import header_text

PIECES_OF_ADDRESSES = st.lists(
    st.sampled_from(
        [
            *(b"jan", b"anna.lis", b"x.example", b"@", b"@", b".", b" . ", b" ", b"\t", b"<", b">", b"<", b">", b'"'),
            *(b"(", b")", b"(c)", b",", b";", b":", b"\\", b"[", b"]", b"[192.0.2.1]", b"'", b"mailto:", b"\xb1"),
            *(b"=?utf-8?Q?", b"=40", b"?=", b"=?utf-8?Q?a=40b?=", b"\r\n ", b"\0", b"\xc5\x82", b"\xe2\x80\x8b"),
        ]
    ),
    max_size=25,
).map(b"".join)  # fmt: skip
NOT_OF_AN_ADDRESS = re.compile(
    '[\\s"\\\\\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+'
)


def read(raw: bytes) -> list[tuple[str, str]]:
    return [(address.name, address.address) for address in parse_addresses(raw)]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"anna(office)@firma.example", [("", "anna@firma.example")]),
        (b"<anna(office)@firma.example>", [("", "anna@firma.example")]),
        (b"Anna <anna(one (two) \\) )@firma(host).example>", [("Anna", "anna@firma.example")]),
        (b"ewa.(middle)lis@firma.example", [("", "ewa.lis@firma.example")]),
        (b"piotr(home)@firma.example (Piotr Wilk)", [("Piotr Wilk", "piotr@firma.example")]),
        (b'"ewa lis"(note) @ firma.example', [("", '"ewa lis"@firma.example')]),
    ],
)
def test_a_comment_is_no_part_of_an_address(raw: bytes, expected: list[tuple[str, str]]) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"jan@x . example", [("", "jan@x.example")]),
        (b"jan @ x . biuro . example", [("", "jan@x.biuro.example")]),
        (b"jan . nowak @ x.example", [("", "jan.nowak@x.example")]),
        (b"jan@x. example", [("", "jan@x.example")]),
        (b"Jan <jan . nowak @ x . example>", [("Jan", "jan.nowak@x.example")]),
        (b"Jan K. jan@x.example", [("Jan K.", "jan@x.example")]),
    ],
)
def test_spaces_around_dots_do_not_separate(raw: bytes, expected: list[tuple[str, str]]) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b'"boss@firma.example" <root>',
        b'"<boss@firma.example>" <root>',
        b"boss@firma.example <>",
        b"=?utf-8?Q?=3Cboss=40firma.example=3E?= <root>",
        b"<root> boss@firma.example",
    ],
)
def test_a_display_name_is_never_taken_for_the_address(raw: bytes) -> None:
    assert [address for _, address in read(raw)] == [""]


def test_an_author_without_an_address_is_reported_and_not_replaced_by_the_name() -> None:
    reading = read_mail(b'From: "boss@firma.example" <root>\nSubject: x\n\nx', ReadingLimits())
    assert (reading.author.name, reading.author.address) == ("boss@firma.example", "")
    assert "no-author" in reading.defects


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"Team: Jan <jan@x.example: anna@y.example>;", [("Jan", "")]),
        (b"<anna,office@firma.example>", [("anna,office@firma.example", "")]),
        (b"Jan <jan@firma@firma.example>", [("Jan", "")]),
        (b"Jan <jan(office@firma.example>", [("Jan", "")]),
        (b'Jan <jan"x@firma.example>', [("Jan", "")]),
        (
            b"Team: Jan <jan@x.example; anna@y.example>;",
            [("Jan", "jan@x.example"), ("", "anna@y.example")],
        ),
    ],
)
def test_a_mangled_entry_gives_no_invented_address(
    raw: bytes, expected: list[tuple[str, str]]
) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            b"Jan (office <jan@x.example>, b@y.example",
            [("Jan (office", "jan@x.example"), ("", "b@y.example")],
        ),
        (b"Jan<jan@x.example", [("Jan", "jan@x.example")]),
        (b"'Jan' <'jan@x.example'>", [("Jan", "jan@x.example")]),
        (b"Jan <<jan@x.example>>", [("Jan", "jan@x.example")]),
        (b"Jan [mailto:jan@x.example]", [("", "jan@x.example")]),
        (b"jan@[192.0.2.1]", [("", "jan@[192.0.2.1]")]),
        (b"<jan@[IPv6:2001:db8::1]>", [("", "jan@[ipv6:2001:db8::1]")]),
        (b"=?utf-8?Q?jan=40x.example?=", [("", "jan@x.example")]),
        ('"Nowak, Jan" (Łódź) <jan@x.example>'.encode(), [("Nowak, Jan", "jan@x.example")]),
    ],
)
def test_what_programs_write_against_the_rules_is_read(
    raw: bytes, expected: list[tuple[str, str]]
) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(
    "line", [b"From : Anna <anna@firma.example>", b"From \t: anna@firma.example"]
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_from_with_a_space_before_its_colon_is_a_field_also_in_the_first_line(
    line: bytes, end: bytes
) -> None:
    headers = MailHeaders.parse(end.join([line, b"Subject: x", b"", b"body"]))
    assert [address.address for address in headers.addresses("From")] == ["anna@firma.example"]


@given(PIECES_OF_ADDRESSES | st.binary(max_size=120))
@example(b'"a@b" <c>')
@example(b"<a(b)@c,d@e>")
@settings(max_examples=500, deadline=None)
def test_an_address_is_always_a_contiguous_part_of_the_input(raw: bytes) -> None:
    forms = (raw, without_comments(raw))
    readings = [
        visible(text)
        for form in forms
        for text in (header_text(form), form.decode(errors="replace"))
    ]
    for address in parse_addresses(raw):
        assert address.name or address.address
        if address.address:
            local, _, domain = address.address.rpartition("@")
            wanted = f"{visible(local)}@{domain}"
            assert any(wanted.lower() in reading for reading in readings), address.address


def visible(text: str) -> str:
    return NOT_OF_AN_ADDRESS.sub("", text).lower()


def without_comments(raw: bytes) -> bytes:
    """The text after removing innermost comments until none is left."""
    while (less := re.sub(rb"\((?:[^()\\]|\\.)*\)", b"", raw, flags=re.DOTALL)) != raw:
        raw = less
    return raw


@pytest.mark.parametrize(
    "bomb", [b"(", b"a(b)", b"<a(", b'<"', b"<a@b ", b" . ", b"a@b. ", b"[", b"'", b"(\\"]
)
def test_a_list_of_100_kb_is_read_within_five_seconds(bomb: bytes) -> None:
    assert len(parse_addresses(bomb * (100_000 // len(bomb)) + b" <a@x.example>")) <= 1000


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("anna@x.example", "anna@x.example"),
        ("anna+235@x.example", "anna@x.example"),
        ("anna+a+b@x.example", "anna@x.example"),
        ("+235@x.example", "+235@x.example"),
        ("anna", "anna"),
        ("", ""),
    ],
)
def test_a_tag_is_no_part_of_the_base_address(address: str, expected: str) -> None:
    assert base_address(address) == expected
