"""Header lines of outgoing mail, read back by our own reader and by the standard library."""

from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.runtime.mail.headers import MailHeaders
from services.sender.header_encoding import (
    LINE,
    header,
    list_value,
    one_line,
    person_value,
    text_value,
)

LONG = "konstantynopolitańczykowianeczka " * 6
SUBJECTS = [
    "Case [#235] was accepted",
    "Sprawa [#235] została założona",
    "[#235] Faktura nr 12/2026 za październik – Łódź, Piotrków Trybunalski i Święta Katarzyna, zażółć gęślą jaźń",
    f"[#235] {LONG.strip()}",
    "[#235] " + "x" * 400,
    "[#235] =?utf-8?q?not_an_encoded_word?= of ours",
    "[#235] " + "plain words that go on and on " * 8,
    "[#235] 😀😀😀 " + "😀" * 100,
    "zażółć",
    "",
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_is_read_as_it_was_written(subject: str) -> None:
    line = header("Subject", text_value("Subject", subject))
    assert MailHeaders.parse(line + b"\r\n").text("Subject") == one_line(subject)
    assert message_from_bytes(line + b"\r\n", policy=default)["Subject"] == one_line(subject)
    assert all(len(row) <= LINE for row in line.decode().split("\r\n"))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300))
def test_any_text_is_one_header_and_is_read_back(text: str) -> None:
    line = header("Subject", text_value("Subject", text))
    assert line.isascii()
    assert [row for row in line[:-2].split(b"\r\n")[1:] if not row.startswith(b" ")] == []
    message = message_from_bytes(line + b"X-Next: 1\r\n\r\n")
    assert message.keys() == ["Subject", "X-Next"]
    assert MailHeaders.parse(line + b"\r\n").text("Subject") == one_line(text)


@pytest.mark.parametrize(
    "text",
    [
        "a\r\nBcc: eve@evil.example",
        "a\nBcc: eve@evil.example",
        "a\r\n\r\nbody",
        "a\x00b",
        "a\u2028Bcc: x",
    ],
)
def test_a_line_break_in_a_text_begins_no_header(text: str) -> None:
    line = header("Subject", text_value("Subject", text))
    assert line.count(b"\r\n") == 1
    assert b"\nBcc" not in line


def test_a_value_that_would_end_its_header_is_refused() -> None:
    for value in ("a\r\nBcc: b", "a\nb", "a\rb", "a\r\n\r\nb"):
        with pytest.raises(ValueError, match="would end its header"):
            header("To", value)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("", "a@x.example"),
        ("Accounts", "Accounts <a@x.example>"),
        ("Accounts, Office", '"Accounts, Office" <a@x.example>'),
        ('The "best" \\ ones', '"The \\"best\\" \\\\ ones" <a@x.example>'),
        ("Księgowość", "=?utf-8?b?S3NpxJlnb3dvxZvEhw==?= <a@x.example>"),
        ("=?utf-8?q?x?=", "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <a@x.example>"),
        ("Eve\r\nBcc: b@x.example", '"Eve Bcc: b@x.example" <a@x.example>'),
    ],
)
def test_a_person_is_quoted_or_encoded_as_the_name_needs(name: str, written: str) -> None:
    assert person_value("From", name, "a@x.example") == written
    [read] = MailHeaders.parse(header("From", written) + b"\r\n").addresses("From")
    assert (read.name, read.address) == (one_line(name), "a@x.example")


def test_a_long_name_is_folded() -> None:
    value = person_value(
        "From",
        "Dział Księgowości i Rozliczeń Międzyokresowych Przedsiębiorstwa Łódzkiego",
        "a@x.example",
    )
    [read] = MailHeaders.parse(header("From", value) + b"\r\n").addresses("From")
    assert read.name.endswith("Przedsiębiorstwa Łódzkiego")


def test_many_ids_are_written_one_per_line() -> None:
    ids = [f"<{number}.{'x' * 60}@customer.example>" for number in range(20)]
    line = header("References", list_value(ids))
    assert MailHeaders.parse(line + b"\r\n").message_ids("References") == ids
    assert line.count(b"\r\n") == 20
