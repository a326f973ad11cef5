"""The digest of a mail, which its copies share whatever their routes."""

import base64
import hashlib
import random

import pytest

from services.case_writer.reading import read_mail
from services.case_writer.reading.digest import HashedFile, content_digest
from services.runtime.mail.headers import MailHeaders

MAIL = (
    b"From: Anna Nowak <anna@customer.example>\r\n"
    b"To: invoices@office.example\r\n"
    b"Date: Wed, 04 Mar 2026 05:06:07 +0000\r\n"
    b"Subject: Invoice 17 for the\r\n third quarter\r\n"
    b"Message-ID: <m@customer.example>\r\n"
    b"\r\n"
    b"Please find it below.\r\n"
    b"Anna\r\n"
)


def digest(raw: bytes) -> str | None:
    return read_mail(raw).digest


@pytest.mark.parametrize(
    "copy",
    [
        b"Received: from mx1.example by mx2.example; Wed, 04 Mar 2026 05:06:08 +0000\r\n" + MAIL,
        b"Delivered-To: office@office.example\r\nReturn-Path: <anna@customer.example>\r\n" + MAIL,
        b"Authentication-Results: mx.example; dmarc=pass\r\nX-Spam-Flag: NO\r\n" + MAIL,
        MAIL.replace(b"\r\n", b"\n"),
        MAIL.replace(b"\r\n third", b" third"),
        MAIL + b"\r\n\r\n",
    ],
)
def test_what_servers_add_on_the_way_changes_nothing(copy: bytes) -> None:
    assert digest(copy) == digest(MAIL)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"anna@", b"eve@"),
        (b"05:06:07", b"05:06:08"),
        (b"Invoice 17", b"Invoice 18"),
        (b"Please find it below.", b"Please pay to this account."),
        (b"To: ", b"Cc: eve@stranger.example\r\nTo: "),
        (b"Message-ID", b"In-Reply-To: <other@stranger.example>\r\nMessage-ID"),
        (b"Message-ID", b"Content-Type: text/html\r\nMessage-ID"),
    ],
)
def test_another_author_time_subject_or_text_is_another_mail(old: bytes, new: bytes) -> None:
    assert digest(MAIL.replace(old, new)) != digest(MAIL)


def with_file(content: bytes, width: int = 76, before: bytes = b"text", end: bytes = b"") -> bytes:
    """A mail with a file in base64, in lines of this width."""
    letters = base64.b64encode(content)
    lines = [letters[start : start + width] for start in range(0, len(letters), width)]
    return b"\r\n".join(
        [
            b"From: anna@customer.example",
            b"MIME-Version: 1.0",
            b"Content-Type: multipart/mixed; boundary=b",
            b"",
            b"--b",
            b"",
            before,
            b"--b",
            b"Content-Type: application/pdf; name=a.pdf",
            b"Content-Transfer-Encoding: base64",
            b"",
            *lines,
            b"--b--",
            end,
        ]
    )


LARGE = b"%PDF-1.7\n" + random.Random("digest").randbytes(100_000)


@pytest.mark.parametrize(
    "copy",
    [
        b"Received: from mx1.example by mx2.example\r\n" + with_file(LARGE),
        with_file(LARGE).replace(b"\r\n", b"\n"),
        with_file(LARGE) + b"\r\n\r\n",
        with_file(LARGE, width=64),
    ],
)
def test_copies_of_a_mail_with_a_large_file_have_one_digest(copy: bytes) -> None:
    assert digest(copy) == digest(with_file(LARGE))


@pytest.mark.parametrize(
    "other",
    [
        with_file(LARGE[:-1] + b"!"),
        with_file(LARGE[:50_000] + b"!" + LARGE[50_001:]),
        with_file(LARGE, before=b"other text"),
        with_file(LARGE, end=b"more text"),
        with_file(LARGE).replace(b"name=a.pdf", b"name=b.pdf"),
        with_file(LARGE).replace(b"--b--", b"!!\r\n--b--"),
    ],
)
def test_another_file_or_other_text_around_it_is_another_mail(other: bytes) -> None:
    assert digest(other) != digest(with_file(LARGE))


def test_the_hash_of_a_file_cannot_stand_for_the_file() -> None:
    raw = with_file(LARGE)
    start, end = raw.index(b"base64\r\n\r\n") + 10, raw.index(b"\r\n--b--")
    sha256 = hashlib.sha256(LARGE)
    headers = MailHeaders.parse(raw)
    hashed = content_digest(raw, headers, [HashedFile(start, end, sha256.hexdigest())])
    assert digest(raw) == hashed
    for written in (sha256.digest(), sha256.hexdigest().encode()):
        fake = raw[:start] + written + raw[end:]
        assert content_digest(fake, headers) != hashed


@pytest.mark.parametrize("shift", range(-2, 3))
def test_line_ends_of_a_large_body_make_no_difference_wherever_it_is_cut(shift: int) -> None:
    head = b"From: anna@customer.example\n\n"
    body = b"x" * (1024 * 1024 + shift) + b"\n" + b"y" * 1024 * 1024 + b"\nend"
    windows = (head + body).replace(b"\n", b"\r\n") + b"\r\n" * 600_000
    assert content_digest(windows, MailHeaders.parse(windows)) == content_digest(
        head + body, MailHeaders.parse(head)
    )


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n\r\n", b"\x00\xff" * 100, b"From: x", b"\n" * 100_000, MAIL[:60]]
)
def test_any_bytes_have_a_digest(raw: bytes) -> None:
    assert len(digest(raw) or "") == 64
