"""Uuencoded files in a text."""

import binascii
import time

import pytest

from services.case_writer.reading import read_mail
from services.case_writer.reading.mime.uuencoded import extract

HEAD = b"From: a@x.example\nDate: Mon, 23 Nov 2026 10:11:12 +0100\nSubject: x\n\n"


def block(content: bytes, name: bytes = b"a.bin") -> bytes:
    lines = [binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45)]
    return b"begin 644 " + name + b"\n" + b"".join(lines) + b"`\nend\n"


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_a_file_within_a_text_becomes_an_attachment_byte_for_byte(ends: bytes) -> None:
    content = bytes(range(256)) * 3
    text = b"See the file.\n\n" + block(content) + b"Anna\n"
    reading = read_mail(HEAD + text.replace(b"\n", ends))
    assert reading.full_text == "See the file.\n\nAnna"
    assert [
        (attachment.name, attachment.content, attachment.flags)
        for attachment in reading.attachments
    ] == [("a.bin", content, ["from-text"])]
    assert reading.defects == []


def test_several_files_leave_the_text_between_them() -> None:
    text, files = extract(b"one\n" + block(b"1", b"a b.txt") + b"two\n" + block(b"2") + b"three", 5)
    assert text == b"one\ntwo\nthree"
    assert [(file.name, file.content) for file in files] == [("a b.txt", b"1"), ("a.bin", b"2")]


@pytest.mark.parametrize(
    "text",
    [
        b"begin 644 a.bin\nsome words\nend\n",
        b"begin 644 a.bin\nWORDS IN CAPITALS\nend\n",
        b"begin 644 a.bin\n`\nend\n",
        b"begin with this\nend\n",
        block(b"content").replace(b"end\n", b""),
        block(b"content" * 20).replace(b"M", b"T", 1),
        block(b"content").replace(b"begin", b"> begin"),
    ],
)
def test_what_is_no_sound_file_stays_in_the_text(text: bytes) -> None:
    assert extract(text, 5) == (text, [])


def test_files_beyond_the_limit_stay_in_the_text() -> None:
    text, files = extract(block(b"1") + block(b"2"), 1)
    assert (len(files), text) == (1, block(b"2"))


@pytest.mark.parametrize(
    "unit", [b"begin 644 a\n", b"begin 644 a\nM\n", b"M\n", b"end\n", b"begin 644 a\n#0V%T\nend\n"]
)
def test_a_large_text_of_half_files_takes_less_than_five_seconds(unit: bytes) -> None:
    started = time.process_time()
    read_mail(HEAD + unit * (10_000_000 // len(unit)))
    assert time.process_time() - started < 5.0
