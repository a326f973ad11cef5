"""The composed mail: the same bytes each time, its text and files intact, and headers that bring
replies back to the case.
"""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from schemas.case_ref import CaseReference
from schemas.message_ids import MessageIdSigner
from schemas.stored import Attachment, Person
from services.case_writer.reading import read_mail
from services.sender.compose import compose, subject_of
from tests.unit.sender.builders import outgoing

REFERENCE = CaseReference()
MAC = (
    MessageIdSigner([b"k" * 32]).mark(235, datetime(2026, 11, 25, 8, 30, 15, tzinfo=UTC)) or ""
).removeprefix("235 ")


def attachment(name: str, content_type: str = "application/pdf") -> Attachment:
    return Attachment(
        name=name,
        content_type=content_type,
        size=1,
        sha256="",
        inline=False,
        content_id=None,
        blob="",
        original_name=name,
    )


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def test_every_attempt_sends_the_same_bytes() -> None:
    mail = outgoing(attachments=[attachment("a.pdf"), attachment("b.pdf")])
    assert compose(mail, [b"1", b"2"]) == compose(mail, [b"1", b"2"])


def test_the_headers_find_the_way_back_and_say_that_a_machine_wrote() -> None:
    mail = parsed(
        compose(outgoing(reply_to="invoices+235@office.example"), [], MessageIdSigner([b"k" * 32]))
    )
    assert mail["From"] == "Faktury kosztowe <invoices@office.example>"
    assert (mail["To"], mail["Reply-To"]) == (
        "anna@customer.example",
        "invoices+235@office.example",
    )
    assert (mail["In-Reply-To"], mail["References"]) == (
        "<letter-1@customer.example>",
        "<letter-1@customer.example>",
    )
    assert (mail["Auto-Submitted"], mail["X-Mailcase-Case"]) == ("auto-replied", "235 " + MAC)
    assert mail["Date"] == "Wed, 25 Nov 2026 08:30:15 +0000"
    assert "Precedence" not in mail


def test_a_person_s_answer_does_not_say_that_a_machine_wrote() -> None:
    mail = parsed(compose(outgoing(auto_submitted=None), []))
    assert "Auto-Submitted" not in mail
    assert "X-Auto-Response-Suppress" not in mail


TEXTS = [
    "Dzień dobry,\n\nzażółć gęślą jaźń.\n",
    "From here on\n.\n..two dots\n-- \nsignature\n",
    "long " * 500 + "\nblank at the end \n",
    "a\r\nb\rc\x0bd\n",
    "",
    "half \ud83d a pair",
    "{{ 7 * 7 }} {% for x in y %}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_comes_through(text: str) -> None:
    raw = compose(outgoing(text=text), [])
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998  # RFC 5322 section 2.1.1
    assert b"\n" not in raw.replace(b"\r\n", b"")
    wanted = text.encode(errors="replace").decode().splitlines()
    assert parsed(raw).get_content().splitlines() == (wanted or [""])


@pytest.mark.parametrize(
    ("name", "content_type", "sent_type"),
    [
        ("zamówienie łódź.pdf", "application/pdf", "application/pdf"),
        ('a"; filename="b.exe', "application/pdf", "application/pdf"),
        ("a\r\nBcc: eve@evil.example\r\n.pdf", "text/plain", "text/plain"),
        ("mail.eml", "message/rfc822", "application/octet-stream"),
        ("x.bin", "nonsense\r\nX: y", "application/octet-stream"),
        ("x" * 300 + ".txt", "multipart/mixed", "application/octet-stream"),
    ],
)
def test_a_file_comes_through_byte_for_byte_whatever_it_is_called(
    name: str, content_type: str, sent_type: str
) -> None:
    content = bytes(range(256)) * 20
    raw = compose(outgoing(attachments=[attachment(name, content_type)]), [content])
    [part] = list(parsed(raw).iter_attachments())
    assert (part.get_content_type(), part.get_payload(decode=True)) == (sent_type, content)
    assert part.get_filename() == " ".join(name.split())
    assert [attachment.content for attachment in read_mail(raw).attachments] == [content]
    assert "Bcc" not in parsed(raw)


HOSTILE: list[dict[str, Any]] = [
    {"to": ["a@x.example\r\nBcc: eve@evil.example"]},
    {"in_reply_to": "<a@x>\r\nBcc: eve@evil.example"},
    {"references": ["<a@x>\nBcc: eve@evil.example"]},
    {"reply_to": "a@x.example\nX: y"},
    {"author": Person("A", "a@x.example>\r\nBcc: eve@evil.example")},
    {"message_id": "<a@x>\r\n\r\nbody"},
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_value_with_a_line_break_makes_no_mail_at_all(hostile: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="would end its header"):
        compose(outgoing(**hostile), [])


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Case [#235] was accepted", "Case [#235] was accepted"),
        ("Thank you", "[#235] Thank you"),
        ("", "[#235]"),
        ("about [#7] and [#235]", "[#235] about [#7] and [#235]"),
        ("a\r\nb  c", "[#235] a b c"),
        ("\u202e[#235] turned around", "[#235] \u202e[#235] turned around"),
    ],
)
def test_the_reference_is_inserted_if_it_would_not_be_found_first(text: str, subject: str) -> None:
    assert subject_of(text, 235, REFERENCE) == subject
    assert REFERENCE.find(subject)[0] == 235


def test_an_endless_subject_keeps_its_reference() -> None:
    subject = subject_of("word " * 500 + "[#235]", 235, REFERENCE)
    assert subject.startswith("[#235] word")
    assert len(subject) < 220
