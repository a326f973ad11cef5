"""The author in From, as every program reads it, and their domain in the form that
servers write.
"""

import pytest

from services.router.author import ascii_domain, only_author
from services.runtime.mail.headers import MAX_HEADER_BYTES, MailHeaders


def author(field: str, more: str = "") -> str:
    return only_author(MailHeaders.parse(f"From: {field}\r\n{more}\r\ntext".encode()))


@pytest.mark.parametrize(
    "field",
    [
        '"eve@stranger.example"@customer.example',
        "anna@customer. example",
        "anna@customer.example .stranger.example",
        "Anna <anna@customer.example> <eve>",
        "Kowalska, Anna <anna@customer.example>",  # two mailboxes
        '"Anna <anna@customer.example>',
        "anna@customer.example (Anna",
        '"Anna\x00" <anna@customer.example>',
        "Anna\r<anna@customer.example>",
        "=?utf-8?q?anna?=@customer.example",
        "anna@ban\u212a.example",  # the Kelvin sign, whose lower case is k
        "\u212aasia@bank.example",
        "Anna @ Warsaw <anna@customer.example>",
    ],
)
def test_a_field_that_programs_read_differently_has_no_author(field: str) -> None:
    assert author(field) == ""


def test_a_second_author_may_be_beyond_what_was_read() -> None:
    padding = f"X-Padding: {'x' * 900}\r\n" * (MAX_HEADER_BYTES // 900)
    assert author("anna@customer.example", padding) == ""
    assert author("anna@customer.example", padding[: MAX_HEADER_BYTES // 1000 * 900]) != ""


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ('"john.doe"@customer.example', "john.doe@customer.example"),
        ('"John Doe"@customer.example', '"John Doe"@customer.example'),
        ("jan @ customer.example", "jan@customer.example"),
        ("Żaneta <żaneta@ŻÓŁW.example>", "żaneta@żółw.example"),
        ("jan@[192.0.2.1]", "jan@[192.0.2.1]"),
    ],
)
def test_rarer_forms_of_an_address_have_their_author(field: str, address: str) -> None:
    assert author(field) == address


@pytest.mark.parametrize(
    ("domain", "written"),
    [
        ("ŻÓŁW.example", "xn--w-uga1v8h.example"),
        ("xn--w-uga1v8h.example", "xn--w-uga1v8h.example"),
        ("faß.example", "xn--fa-hia.example"),  # not fass.example
    ],
)
def test_a_domain_is_compared_as_servers_write_it(domain: str, written: str) -> None:
    assert ascii_domain(domain) == written
