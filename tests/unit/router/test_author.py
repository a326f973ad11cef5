"""The author in From, as every program reads it, and their domain in the form that
servers write.
"""

import time

import pytest

from services.router.authentication import authentication
from services.router.author import Author, ascii_domain, find_author
from services.runtime.mail.headers import MAX_HEADER_BYTES, MailHeaders
from services.runtime.mail.raw_mail_builder import HEAD_BYTES

SERVER = "mx.kontor.example"


def author(field: str, more: str = "") -> str:
    return find_author(MailHeaders.parse(f"From: {field}\r\n{more}\r\ntext".encode())).address


def authenticated(field: str, results: str) -> str:
    raw = f"{results}\r\nSubject: Order\r\n{field}\r\n\r\ntext"
    return authentication(MailHeaders.parse(raw.encode()), SERVER)


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
        "Anna @ stranger.example <anna@customer.example>",
        "Anna @ stranger . example <anna@customer.example>",
        "Anna @ Warsaw (x) . example <anna@customer.example>",
        "anna@customer.example (Anna @ Warsaw)",
        '"Anna @ Warsaw" "@ Poland" <anna@customer.example>',
        '"anna@stranger.example" <anna@customer.example>',
        "=?utf-8?q?anna=40stranger=2Eexample?= <anna@customer.example>",
        "Anna @ stranger\u3002example <anna@customer.example>",
        "Anna @ [192.0.2.1] <anna@customer.example>",
    ],
)
def test_a_field_that_programs_read_differently_has_no_author(field: str) -> None:
    assert author(field) == ""


def test_a_second_author_may_be_beyond_what_was_read() -> None:
    padding = f"X-Padding: {'x' * 900}\r\n" * (MAX_HEADER_BYTES // 900)
    assert author("anna@customer.example", padding) == ""
    assert author("anna@customer.example", padding[: MAX_HEADER_BYTES // 1000 * 900]) != ""
    large = f"From: anna@customer.example\r\n{padding * 2}From: eve@stranger.example\r\n\r\ntext"
    assert find_author(MailHeaders.parse(large.encode()[:HEAD_BYTES])).address == ""


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


TOO_LONG = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(4_000))


def test_a_long_domain_in_the_servers_results_takes_no_time() -> None:
    """Python takes five seconds to encode it, and no other mail would be routed meanwhile."""
    result = f"Authentication-Results: mx.office.example; dmarc=pass header.from={TOO_LONG}.pl"
    headers = MailHeaders.parse(f"From: anna@customer.example\r\n{result}\r\n\r\n".encode())
    started = time.monotonic()
    assert authentication(headers, "mx.office.example") == "fail"
    labels = " ".join(f"header.from={TOO_LONG[at : at + 63]}.pl" for at in range(1_200))
    raw = f"From: anna@customer.example\r\n{result.partition('header')[0]}{labels}\r\n\r\n"
    assert authentication(MailHeaders.parse(raw.encode()), "mx.office.example") == "fail"
    assert time.monotonic() - started < 1.0


@pytest.mark.parametrize(
    ("domain", "written"),
    [
        ("ŻÓŁW.example", "xn--w-uga1v8h.example"),
        ("xn--w-uga1v8h.example", "xn--w-uga1v8h.example"),
        ("faß.example", "xn--fa-hia.example"),  # not fass.example
        (f"{TOO_LONG}.example", f"{TOO_LONG}.example"),
    ],
)
def test_a_domain_is_compared_as_servers_write_it(domain: str, written: str) -> None:
    assert ascii_domain(domain) == written


@pytest.mark.parametrize(
    "field",
    [
        "From: Anna @ Warsaw <anna@customer.example>",
        'From: "Anna @ Warsaw" <anna@customer.example>',
        "From: Sales@Customer <anna@customer.example>",
        "From: =?utf-8?q?Anna_=40_Warsaw?= <anna@customer.example>",
        "From : Anna <anna@customer.example>",  # some programs overlook it
        "no field\r\nFrom: Anna <anna@customer.example>",  # some end the header above it
        "X-Note: a\r\n \r\nFrom: Anna <anna@customer.example>",
    ],
)
def test_a_doubtful_author_is_believed_only_if_the_server_names_their_domain(field: str) -> None:
    named = "header.from=customer.example"
    for results in (
        f"dmarc=pass (p=reject) {named}",
        f"spf=pass smtp.mailfrom=x.example; dmarc=pass action=none {named}.",
    ):
        line = f"Authentication-Results: {SERVER}; {results}"
        assert authenticated(field, line) == "pass"
        assert authenticated(field, line.replace("=pass", "=fail")) == "fail"
    for results in (
        "dmarc=pass",
        "dmarc=none",
        "spf=pass",
        f"spf=pass {named}",
        f"dmarc=pass ({named})",
        f'dmarc=pass smtp.mailfrom="a {named}"',
        "dmarc=pass header.from=Warsaw",
        f"dmarc=pass {named}; dmarc=pass header.from=warsaw",
        "dmarc=pass header.from=sub.customer.example",
    ):
        assert authenticated(field, f"Authentication-Results: {SERVER}; {results}") == "fail"
    assert authenticated(field, "X-Other: x") == "fail"
    certain = "From: Anna <anna@customer.example>"
    for more in ("", "\r\n \r\nX-Note: a"):
        line = f"Authentication-Results: {SERVER}; dmarc=pass"
        assert authenticated(certain + more, line) == "pass"


def test_only_a_doubtful_author_needs_proof() -> None:
    def found(lines: str) -> Author:
        return find_author(MailHeaders.parse(f"{lines}\r\n\r\ntext".encode()))

    anna = "anna@customer.example"
    assert found(f"From: Anna @ Warsaw <{anna}>") == Author(anna, needs_proof=True)
    assert find_author(MailHeaders.parse(f"From : {anna}".encode())).needs_proof
    assert found(f'From: "{anna}" <{anna}>') == Author(anna)
    assert found(f"Subject: a\r\n b\r\nFrom: Anna\r\n <{anna}>\r\nTo: x@y.example") == Author(anna)


@pytest.mark.parametrize(
    "name",
    [
        "mx.\u212aontor.example",  # the Kelvin sign, whose lower case is k
        f"{SERVER}\xa0x",
        f"{SERVER}\x1cx",
        f"{SERVER}\u3000",
        f"{SERVER}\x0b",
        f'"{SERVER}"',
        f"({SERVER})",
        f"{SERVER}.",
    ],
)
def test_a_name_like_that_of_the_server_is_another(name: str) -> None:
    forged = f"Authentication-Results: {name}; dmarc=pass header.from=customer.example"
    field = "From: anna@customer.example"
    assert authenticated(field, forged) == ""
    assert authenticated(field, f"Authentication-Results: {SERVER}; spf=fail\r\n{forged}") == "fail"


def test_results_that_some_programs_overlook_are_forged() -> None:
    field = "From: anna@customer.example"
    results = f"{SERVER}; dmarc=pass header.from=customer.example"
    assert authenticated(field, f"Authentication-Results: {results}") == "pass"
    assert authenticated(field, f"Authentication-Results : {results}") == "fail"
    assert authenticated(field, f"Authentication-Results\t: {results}") == "fail"


@pytest.mark.parametrize("name", [f"{SERVER} (amavisd-new)", f"{SERVER} 1", SERVER.upper()])
def test_the_server_may_write_its_name_with_a_version_or_a_comment(name: str) -> None:
    line = f"Authentication-Results: {name};\r\n\tdmarc=pass header.from=customer.example"
    assert authenticated("From: anna@customer.example", line) == "pass"
