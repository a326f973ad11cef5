"""Reading whole mails: the promises for any bytes, limits and time."""

import base64
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.case_writer.reading import SHORTENED, ReadingLimits, read_mail
from services.case_writer.reading.attachments.media_types import contradicts, sniff
from services.case_writer.reading.mime import transfer_encoding as transfer
from services.case_writer.reading.mime.transfer_encoding import decode_transfer_encoding
from tests.fuzz.fuzz_reading import PIECES, check, mutate, seeds

HEAD = b"From: a@x.example\nDate: Mon, 23 Nov 2026 10:11:12 +0100\n"
CONTENT_TYPES = (
    b"text/plain", b"text/plain; charset=iso-2022-jp", b"text/plain; charset=utf-7", b"text/plain; format=flowed",
    b"text/html",
    b"text/plain\nContent-Transfer-Encoding: base64", b"text/plain\nContent-Transfer-Encoding: quoted-printable",
    b"text/plain\nContent-Transfer-Encoding: x-uuencode", b"multipart/mixed; boundary=b", b"multipart/mixed",
    b"application/ms-tnef", b"application/pkcs7-mime",
)  # fmt: skip
UNITS = (
    b"a:\n",
    b"> \n",
    b"\n--",
    b"--b\n",
    b"\n--bx",
    b"$B!!",
    b"=\n",
    b"=",
    b"<",
    b"&",
    b"\x80",
    b" ",
    b"\0",
    b"<ul><li>",
)


@given(st.binary(max_size=500))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    check(raw)


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=60).map(b"".join))
@settings(max_examples=80, deadline=None)
def test_any_pieces_of_mails_are_a_mail(raw: bytes) -> None:
    check(raw)


def test_mails_of_the_corpus_survive_mutation() -> None:
    random_, pool = random.Random(235), seeds()
    for _ in range(300):
        check(mutate(random_, pool))


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_a_hundred_kilobytes_of_anything_takes_less_than_five_seconds(content_type: bytes) -> None:
    for unit in UNITS:
        started = time.process_time()
        read_mail(HEAD + b"Content-Type: " + content_type + b"\n\n" + unit * (100_000 // len(unit)))
        assert time.process_time() - started < 5.0, unit


def test_a_header_of_parameters_without_end_takes_less_than_five_seconds() -> None:
    for unit in (b";", b"; ", b";a=", b';a="', b"*0*=", b";filename*1=x", b" ", b"%"):
        started = time.process_time()
        read_mail(HEAD + b"Content-Type: text/plain" + unit * (200_000 // len(unit)) + b"\n\ntext")
        assert time.process_time() - started < 5.0, unit


def test_many_nested_and_adjacent_multiparts_take_less_than_five_seconds() -> None:
    beside = b"".join(
        b"--b\nContent-Type: multipart/mixed; boundary=b%d\n\n" % index for index in range(900)
    )
    within = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (index, index)
        for index in range(500)
    )
    for raw in (
        HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + beside + b"\n--bx" * 200_000,
        HEAD + within + b"\n--b1x" * 200_000,
    ):
        started = time.process_time()
        read_mail(raw)
        assert time.process_time() - started < 5.0


class TestLimits:
    def test_shortened_readings_say_so(self) -> None:
        raw = HEAD + b"Subject: x\n\n" + b"word " * 100
        reading = read_mail(raw, ReadingLimits(max_text_chars=50))
        assert len(reading.full_text) == 50
        assert SHORTENED & set(reading.defects)

    def test_a_mail_within_them_has_no_defect(self) -> None:
        assert read_mail(HEAD + b"Subject: x\n\ntext").defects == []

    def test_a_text_far_beyond_the_limit_is_cut_before_it_is_read(self) -> None:
        reading = read_mail(
            HEAD + b"Content-Type: text/plain; charset=utf-8\n\n" + "zażółć\n".encode() * 1000,
            ReadingLimits(max_text_chars=100),
        )
        assert reading.full_text == ("zażółć\n" * 100)[:100].rstrip()
        assert reading.defects == ["text-shortened"]

    def test_a_comment_of_the_largest_reading_fits_into_a_document(self) -> None:
        """MongoDB accepts documents up to 16 MiB; the text is stored twice, and the HTML once."""
        limits = ReadingLimits()
        letters = "\U0001f642" * limits.max_text_chars
        html = b"--b\nContent-Type: text/html\n\n" + b'<p title="&quot;">&</p>' * 60_000
        raw = (
            HEAD
            + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n"
            + letters.encode()
            + b"\n"
            + html
            + b"\n--b--"
        )
        reading = read_mail(raw)
        stored = (
            len(reading.text.encode())
            + len(reading.full_text.encode())
            + len((reading.html or "").encode())
        )
        assert stored < 12 * 1024 * 1024


class TestTransferEncodings:
    def test_base64_with_a_trailer_loses_the_trailer(self) -> None:
        assert decode_transfer_encoding(b"QUJD\n\n-- \nscanned\n", "base64") == (b"ABC", True)
        assert decode_transfer_encoding(b"QUI=\n-- scanned\n", "base64") == (b"AB", True)

    @pytest.mark.parametrize(
        "footer", [b"Scanned by ACME\n", b"\n-- \nA list\n", b"_____\nfooter\n"]
    )
    def test_base64_of_bytes_ends_where_a_footer_begins(self, footer: bytes) -> None:
        content = bytes(range(256))
        assert decode_transfer_encoding(base64.encodebytes(content) + footer, "base64") == (
            content,
            True,
        )

    def test_base64_continues_after_a_damaged_line(self) -> None:
        content = bytes(range(256))
        encoded = base64.encodebytes(content)
        assert decode_transfer_encoding(encoded[:100] + b"*!" + encoded[100:], "base64") == (
            content,
            True,
        )

    @pytest.mark.parametrize(
        "text", [b"Dear\nMr Smith, pay.\n", b"Hello!", b"12 EUR, 13 EUR\n" * 100]
    )
    def test_text_that_only_claims_to_be_base64_stays_as_it_is(self, text: bytes) -> None:
        assert decode_transfer_encoding(text, "base64") == (text, True)

    def test_small_files_in_base64_are_never_taken_for_words(self) -> None:
        content = base64.b64decode(b"abcdefgh")
        assert decode_transfer_encoding(b"abcdefgh", "base64") == (content, False)
        assert decode_transfer_encoding(b"abcdefgh", "base64", is_text=True) == (b"abcdefgh", True)

    def test_of_two_encodings_the_one_counts_that_the_bytes_are_sound_in(self) -> None:
        assert decode_transfer_encoding(b"QUJDREVG\n", "quoted-printable, base64") == (
            b"ABCDEF",
            True,
        )
        assert decode_transfer_encoding(b"caf=C3=A9 au lait", "base64, quoted-printable") == (
            "caf\u00e9 au lait".encode(),
            True,
        )
        assert decode_transfer_encoding(b"as it is", "7bit, 8bit") == (b"as it is", False)

    @pytest.mark.parametrize(
        "unit", [b"A\n", b"A A\n", b"\n", b" ", b"=", b"abc ", b"A" * 39 + b"\n", b"=\n"]
    )
    def test_a_large_text_that_claims_to_be_base64_takes_less_than_five_seconds(
        self, unit: bytes
    ) -> None:
        started = time.process_time()
        decode_transfer_encoding(unit * (10_000_000 // len(unit)) + b"*", "base64", is_text=True)
        assert time.process_time() - started < 5.0

    def test_base64_in_several_padded_pieces_is_joined(self) -> None:
        assert decode_transfer_encoding(b"QQ==\nQg==\n", "base64") == (b"AB", True)

    def test_base64_of_nothing_is_nothing(self) -> None:
        assert decode_transfer_encoding(b"\r\n", "base64") == (b"", False)

    def test_base64_in_blocks_is_what_it_is_in_one_piece(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chance = random.Random("blocks")
        whole = [base64.encodebytes(chance.randbytes(size)) for size in range(130)]
        damaged = [example[:at] + chance.choice([b"=", b"==", b"-", b"\n", b"A", b""]) + example[at:]
                   for example in whole for at in (0, len(example) // 2, len(example))]  # fmt: skip
        at_once = [decode_transfer_encoding(text, "base64") for text in (*whole, *damaged)]
        assert {is_damaged for _, is_damaged in at_once} == {True, False}
        for block_bytes in (1, 3, 4, 7, 64):
            monkeypatch.setattr(transfer, "_BLOCK_BYTES", block_bytes)
            assert [
                decode_transfer_encoding(text, "base64") for text in (*whole, *damaged)
            ] == at_once

    def test_quoted_printable_joins_lines_with_spaces_after_the_sign(self) -> None:
        assert decode_transfer_encoding(b"a= \r\nb=\t \nc", "quoted-printable") == (b"abc", False)

    def test_an_unknown_encoding_leaves_the_bytes(self) -> None:
        assert decode_transfer_encoding(b"abc", "x-gzip64") == (b"abc", True)

    def test_uuencoded_lines_that_only_claim_to_be_long_fill_no_memory(self) -> None:
        content, damaged = decode_transfer_encoding(
            b"begin 644 x\n" + b"\n" * 100_000 + b"M\n" * 100_000, "x-uuencode"
        )
        assert damaged
        assert len(content) < 400_000


class TestKinds:
    @pytest.mark.parametrize(
        ("declared", "name", "content", "expected"),
        [
            ("application/pdf", "a.pdf", b"%PDF-1.7\n", False),
            ("application/pdf", "a.pdf", b"MZ" + b"\0" * 100, True),
            ("application/pdf", "a.pdf", b"just words", True),
            ("application/octet-stream", "a.pdf", b"%PDF-1.7\n", False),
            ("application/octet-stream", "a.pdf", b"GIF89a" + b"\0" * 20, True),
            ("application/octet-stream", "a.unknown", b"GIF89a" + b"\0" * 20, False),
            ("image/jpg", "a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0", False),
            ("image/png", "a.png", b"\xff\xd8\xff\xe0\0\x10JFIF\0", True),
            ("text/csv", "a.csv", b"a;b\n1;2\n", False),
            ("text/plain", "a.txt", b"%PDF-1.7\n", True),
            ("text/plain", "a.txt", b"PK\x03\x04" + b"\0" * 60, True),
            ("application/xml", "a.xml", b"<?xml version='1.0'?><a/>", False),
            ("application/zip", "a.zip", b"PK\x05\x06" + b"\0" * 18, False),
            ("application/vnd.ms-excel", "a.xls", b"a;b\n", True),
            ("application/pdf", "a.pdf", b"", False),
        ],
    )
    def test_a_file_is_compared_with_its_declared_type(
        self,
        declared: str,
        name: str,
        content: bytes,
        expected: bool,
    ) -> None:
        assert contradicts(declared, name, sniff(content, declared)) is expected
