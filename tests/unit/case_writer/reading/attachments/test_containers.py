"""Containers in mails, intact and damaged: Outlook's winmail.dat and signed S/MIME."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.case_writer.reading.attachments.signed import is_encrypted, signed_content
from services.case_writer.reading.attachments.winmail import open_winmail

OID = bytes.fromhex("06092a864886f70d0107")


def attribute(identity: int, data: bytes) -> bytes:
    return (
        struct.pack("<BII", 2, identity, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)
    )


def properties(*entries: tuple[int, int, bytes]) -> bytes:
    """MAPI properties: type, id and value; those of variable length with a count and padding."""
    packed = struct.pack("<I", len(entries))
    for kind, identity, value in entries:
        packed += struct.pack("<HH", kind, identity)
        if identity >= 0x8000:
            packed += b"\0" * 16 + struct.pack("<II", 1, 6) + "ab\0".encode("utf-16-le") + b"\0\0"
        if kind in (0x1E, 0x1F, 0x102, 0xD, 0x101F):
            packed += struct.pack("<II", 1, len(value)) + value + b"\0" * (-len(value) % 4)
        else:
            packed += value
    return packed


def wide(text: str) -> bytes:
    return (text + "\0").encode("utf-16-le")


WINMAIL = b"".join(
    (
        b"\x78\x9f\x3e\x22\x01\x00",
        attribute(0x00069007, struct.pack("<II", 1250, 0)),
        attribute(
            0x00069003,
            properties(
                (0x3, 0x8001, b"\0" * 4), (0x1F, 0x1000, wide("Treść")), (0x102, 0x1009, b"rtf")
            ),
        ),
        attribute(0x00069002, b"\0" * 14),
        attribute(0x00018010, "ŻÓŁĆ~1.TXT\0".encode("cp1250")),
        attribute(0x0006800F, b"first"),
        attribute(
            0x00069005,
            properties((0x1F, 0x3707, wide("Żółć długa.txt")), (0x1F, 0x3712, wide("cid@x"))),
        ),
        attribute(0x00069002, b"\0" * 14),
        attribute(0x00018010, "źródło.bin\0".encode("cp1250")),
        attribute(0x0006800F, b"second"),
    )
)


class TestWinmail:
    def test_gives_its_text_and_files(self) -> None:
        found = open_winmail(WINMAIL)
        assert found is not None
        assert (found.plain, found.html, found.has_rtf, found.whole) == ("Treść", "", True, True)
        assert [(file.name, file.content, file.content_id) for file in found.files] == [
            ("Żółć długa.txt", b"first", "cid@x"),
            ("źródło.bin", b"second", ""),
        ]

    def test_cut_anywhere_gives_what_came_before(self) -> None:
        for end in range(len(WINMAIL)):
            found = open_winmail(WINMAIL[:end])
            assert (found is None) == (end < 4)
            for file in found.files if found else ():
                assert file.content in (b"", b"first", b"second")

    def test_that_is_none_is_not_opened(self) -> None:
        assert open_winmail(b"PK\x03\x04") is None

    def test_html_in_its_own_code_page_is_read(self) -> None:
        html = properties(
            (0x3, 0x3FDE, struct.pack("<I", 28592)),
            (0x102, 0x1013, "<p>ąę</p>".encode("iso8859-2")),
        )
        found = open_winmail(WINMAIL[:6] + attribute(0x00069003, html))
        assert found is not None
        assert found.html == "<p>ąę</p>"

    @given(st.binary(max_size=200), st.integers(0, len(WINMAIL)))
    @settings(max_examples=150, deadline=None)
    def test_any_damage_gives_a_value(self, junk: bytes, at: int) -> None:
        assert open_winmail(WINMAIL[:at] + junk + WINMAIL[at:]) is not None or at < 4
        open_winmail(WINMAIL[:6] + junk)


def der(tag: int, content: bytes) -> bytes:
    length = (
        bytes([len(content)]) if len(content) < 128 else b"\x82" + struct.pack(">H", len(content))
    )
    return bytes([tag]) + length + content


def signed(octets: bytes) -> bytes:
    inner = der(0x30, OID + b"\x01" + der(0xA0, octets))
    return der(
        0x30,
        OID
        + b"\x02"
        + der(0xA0, der(0x30, b"\x02\x01\x01" + der(0x31, b"") + inner + der(0x31, b""))),
    )


class TestSignedMail:
    @pytest.mark.parametrize("content", [b"", b"Content-Type: text/plain\r\n\r\nx", b"x" * 1000])
    def test_gives_its_content(self, content: bytes) -> None:
        assert signed_content(signed(der(0x04, content))) == content

    def test_in_pieces_gives_its_content(self) -> None:
        assert (
            signed_content(signed(der(0x24, der(0x04, b"one ") + der(0x24, der(0x04, b"two")))))
            == b"one two"
        )
        assert signed_content(signed(b"\x24\x80" + der(0x04, b"one") + b"\0\0")) == b"one"

    def test_without_content_gives_none(self) -> None:
        whole = signed(der(0x04, b"x"))
        for data in (b"", b"0", whole[:20], whole[:-20], b"text", signed(der(0x02, b"\x01"))):
            assert signed_content(data) is None

    def test_that_is_encrypted_is_known(self) -> None:
        assert is_encrypted(der(0x30, OID + b"\x03" + der(0xA0, b"0\0")))
        assert not is_encrypted(signed(der(0x04, b"x")))

    @given(st.binary(max_size=100), st.integers(0, 60))
    @settings(max_examples=150, deadline=None)
    def test_any_damage_gives_a_value(self, junk: bytes, at: int) -> None:
        whole = signed(der(0x24, der(0x04, b"content") * 3))
        signed_content(whole[:at] + junk + whole[at:])
        signed_content(whole[:at] + junk)
