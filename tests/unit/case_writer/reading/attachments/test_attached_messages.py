"""Attached messages: their files are listed, and their text is shown if the mail has no other."""

import base64
import time

import pytest

from services.case_writer.reading import ReadingLimits, needs_original, read_mail

HEAD = b"From: a@x.example\nDate: Mon, 23 Nov 2026 10:11:12 +0100\n"
MIXED = b"Content-Type: multipart/mixed; boundary=cut\n\n"
INNER = (
    b"From: b@x.example\nSubject: inner\nContent-Type: multipart/mixed; boundary=in\n\n"
    b"--in\n\ninner text\n"
    b"--in\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n\n"
    b"%PDF-1.7\n--in--\n"
)


def attached(*messages: bytes, text: bytes = b"") -> bytes:
    """A mail with a text and attached messages."""
    own = b"--cut\n\n" + text + b"\n" if text else b""
    parts = [b"--cut\nContent-Type: message/rfc822\n\n" + message + b"\n" for message in messages]
    return HEAD + MIXED + own + b"".join(parts) + b"--cut--\n"


def test_files_of_an_attached_message_are_listed_behind_the_message() -> None:
    reading = read_mail(attached(INNER, text=b"see below"))
    assert reading.text == "see below"
    assert [
        (attachment.name, attachment.content, attachment.flags)
        for attachment in reading.attachments
    ] == [
        ("inner.eml", INNER, []),
        ("a.pdf", b"%PDF-1.7", ["from-message"]),
    ]
    assert reading.defects == []


def test_a_message_within_an_attached_message_is_listed_and_not_opened() -> None:
    outer = b"From: c@x.example\nSubject: outer\nContent-Type: message/rfc822\n\n" + INNER
    reading = read_mail(attached(outer, text=b"see below"))
    assert [attachment.name for attachment in reading.attachments] == ["outer.eml", "inner.eml"]


def test_a_message_in_base64_is_opened_too() -> None:
    part = b"--cut\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
    reading = read_mail(HEAD + MIXED + part + base64.encodebytes(INNER) + b"--cut--\n")
    assert reading.text == "inner text"
    assert [attachment.content for attachment in reading.attachments] == [INNER, b"%PDF-1.7"]


@pytest.mark.parametrize("kind", [b"application/octet-stream", b"application/x-eml"])
def test_a_saved_mail_that_is_attached_as_plain_data_is_opened_by_its_name(kind: bytes) -> None:
    part = (
        b"--cut\nContent-Type: " + kind + b"; name=order.EML\nContent-Disposition: attachment\n\n"
    )
    reading = read_mail(HEAD + MIXED + part + INNER + b"\n--cut--\n")
    assert [attachment.content for attachment in reading.attachments] == [INNER, b"%PDF-1.7"]
    assert reading.text == "inner text"


def test_data_that_is_only_named_like_a_mail_stays_closed() -> None:
    part = b"--cut\nContent-Type: application/octet-stream; name=a.eml\n\n\0\1\2 data\n--cut--\n"
    reading = read_mail(HEAD + MIXED + part)
    assert [attachment.content for attachment in reading.attachments] == [b"\0\1\2 data"]
    assert reading.text == ""


def test_what_a_report_returns_is_not_opened() -> None:
    report = b"Content-Type: multipart/report; boundary=cut\n\n--cut\n\nnot delivered\n"
    message = b"--cut\nContent-Type: message/rfc822\n\n" + INNER + b"\n--cut--\n"
    reading = read_mail(HEAD + report + message)
    assert [attachment.name for attachment in reading.attachments] == ["inner.eml"]


def test_the_text_of_a_message_that_comes_alone_is_shown_without_its_quotes() -> None:
    forwarded = (
        b"From: b@x.example\nSubject: inner\n\nMy answer.\n\n> a question\n>\n> asked before\n"
    )
    reading = read_mail(HEAD + b"Content-Type: message/rfc822\n\n" + forwarded)
    assert reading.text == "My answer."
    assert reading.full_text == "My answer.\n\n> a question\n>\n> asked before"
    assert reading.defects == ["text-from-message"]


def test_damage_in_the_text_of_a_message_counts_only_if_the_text_is_shown() -> None:
    damaged = b"From: b@x.example\nContent-Transfer-Encoding: x-unknown\n\nwords\n"
    assert read_mail(attached(damaged, text=b"own words")).defects == []
    assert read_mail(attached(damaged)).defects == ["text-from-message", "text-damaged"]


def test_html_of_a_message_that_comes_alone_is_shown_with_its_pictures() -> None:
    message = (
        b"From: b@x.example\nContent-Type: multipart/related; boundary=in\n\n"
        b"--in\nContent-Type: text/html\n\n<p>Look <img src='cid:lamp'></p>\n"
        b"--in\nContent-Type: image/png\nContent-ID: <lamp>\n\n\x89PNG\r\n\x1a\n\n--in--\n"
    )
    reading = read_mail(attached(message))
    assert reading.text == "Look"
    assert "cid:lamp" in (reading.html or "")
    assert [
        (attachment.content_id, attachment.inline) for attachment in reading.attachments[1:]
    ] == [("lamp", True)]


def test_parts_of_all_attached_messages_together_stay_below_the_limit() -> None:
    parts = b"".join(b"--in\n\n%d\n" % number for number in range(900))
    bomb = b"From: b@x.example\nContent-Type: multipart/mixed; boundary=in\n\n" + parts
    started = time.process_time()
    reading = read_mail(attached(*[bomb] * 900, text=b"own words"))
    assert time.process_time() - started < 5.0
    assert "too-many-parts" in reading.defects
    assert needs_original(reading)


def test_own_attachments_come_before_those_of_messages_when_there_are_too_many() -> None:
    file = (
        b"--cut\nContent-Type: text/csv\nContent-Disposition: attachment; filename=own.csv\n\n1\n"
    )
    raw = attached(*[INNER] * 3, text=b"own words").replace(b"--cut--\n", file + b"--cut--\n")
    reading = read_mail(raw, ReadingLimits(max_attachments=5))
    names = [attachment.name for attachment in reading.attachments]
    assert names == ["inner.eml", "inner (2).eml", "inner (3).eml", "own.csv", "a.pdf"]
    assert "too-many-attachments" in reading.defects
