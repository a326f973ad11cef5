"""Base64 is decoded by a faster library than the standard one, with the same result for any
bytes.
"""

from base64 import encodebytes
from binascii import Error as BinasciiError
from binascii import a2b_base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.case_writer.reading.mime.transfer_encoding import (
    decode_part,
    decode_transfer_encoding,
)

LETTERS = st.sampled_from([bytes([byte]) for byte in b"ABCxyz019+/=====-_!\x00\xff"])


def by_the_standard_library(compact: bytes) -> bytes | None:
    try:
        return a2b_base64(compact, strict_mode=True)
    except BinasciiError:
        return None


@given(content=st.lists(LETTERS, max_size=40).map(b"".join))
def test_base64_is_sound_when_the_standard_library_says_so(content: bytes) -> None:
    expected = by_the_standard_library(content)
    decoded, damaged = decode_transfer_encoding(content, "base64")
    assert damaged == (expected is None)
    if expected is not None:
        assert decoded == expected


@given(content=st.binary(max_size=500))
def test_base64_in_lines_gives_the_bytes_back(content: bytes) -> None:
    encoded = encodebytes(content).replace(b"\n", b"\r\n")
    assert decode_transfer_encoding(encoded, "base64") == (content, False)


@pytest.mark.parametrize("encoded", [b"QUJD=", b"QUJD=="])
def test_padding_that_is_not_needed_is_no_damage(encoded: bytes) -> None:
    assert decode_transfer_encoding(encoded, "base64") == (b"ABC", False)


@given(
    content=st.lists(LETTERS, min_size=5, max_size=60).map(b"".join),
    width=st.sampled_from([4, 8, 12]),
    ends_line=st.booleans(),
)
def test_lines_of_one_length_are_as_sound_as_any_others(
    content: bytes, width: int, ends_line: bool
) -> None:
    lines = [content[start : start + width] for start in range(0, len(content), width)]
    windows = b"\r\n".join(lines) + b"\r\n" * ends_line
    unix = windows.replace(b"\r\n", b"\n")  # takes the way that checks each letter
    decoded, damaged = decode_transfer_encoding(windows, "base64")
    expected, is_damaged = decode_transfer_encoding(unix, "base64")
    assert damaged == is_damaged
    if not damaged:
        assert decoded == expected


@given(
    before=st.binary(max_size=20),
    content=st.one_of(st.binary(max_size=500), st.lists(LETTERS, max_size=60).map(b"".join)),
    after=st.binary(max_size=20),
)
def test_a_part_is_decoded_as_if_it_stood_alone(
    before: bytes, content: bytes, after: bytes
) -> None:
    for alone in (content, encodebytes(content).replace(b"\n", b"\r\n")):
        start, end = len(before), len(before) + len(alone)
        expected = decode_transfer_encoding(alone, "base64")
        assert decode_part(before + alone + after, start, end, "Base64") == expected
