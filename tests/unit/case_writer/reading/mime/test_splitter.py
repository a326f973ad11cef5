"""The splitter against the standard library's parser: the same parts, the same bytes of every
attachment.
"""

import email
import random
from collections.abc import Iterator
from email.message import EmailMessage, Message
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.case_writer.reading import ReadingLimits, read_mail
from services.case_writer.reading.mime import splitter
from services.case_writer.reading.mime.splitter import Part, split
from services.case_writer.reading.mime.transfer_encoding import decode_transfer_encoding
from services.case_writer.reading.model import Defects
from services.runtime.mail.headers import MailHeaders

MAILS = Path(__file__).resolve().parents[4] / "mails"
# Where the two differ on purpose: the standard library loses a body without a blank line before it,
# does not see a boundary that the header does not name or that two multiparts share, or stops at
# damaged base64.
BETTER = {
    "base64-with-trailer",
    "base64-without-padding",
    "bytes-of-all-kinds",
    "double-carriage-returns",
    "g-boundary-inner-same",
    "g-content-type-nonsense",
    "leading-blank-lines",
    "lone-carriage-returns",
    "nested-60-deep",
    "no-blank-line-before-body",
    "no-boundary-parameter",
    "part-without-blank-line",
    "quoted-printable-broken",
    "wrong-boundary-parameter",
}


def parts_of(raw: bytes) -> list[Part]:
    return split(raw, MailHeaders.parse(raw), ReadingLimits(), Defects())


def leaves(raw: bytes) -> list[tuple[str, bytes]]:
    """The type and the decoded bytes of each part that contains no other."""
    found: list[tuple[str, bytes]] = []
    for part in parts_of(raw):
        if not part.children:
            content, _ = decode_transfer_encoding(
                raw[part.body : part.end], part.headers.text("content-transfer-encoding") or ""
            )
            found.append((part.content_type, content))
    return found


def library_leaves(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The same by the standard library, which does not read attached mails here."""
    waiting: list[Message] = [email.message_from_bytes(raw)]
    while waiting:
        part = waiting.pop(0)
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload(0)
            assert isinstance(inner, Message)
            yield "message/rfc822", inner.as_bytes()
        elif part.is_multipart():
            children = part.get_payload()
            assert isinstance(children, list)
            waiting[:0] = [child for child in children if isinstance(child, Message)]
        else:
            content = part.get_payload(decode=True)
            yield part.get_content_type(), content if isinstance(content, bytes) else b""


def attachment(seed: int) -> tuple[bytes, str]:
    random_ = random.Random(seed)
    data = random_.randbytes(random_.choice((0, 1, 57, 1000, 5000)))
    return data, random_.choice(("base64", "quoted-printable"))


def build(seed: int, depth: int = 0) -> EmailMessage:
    """A mail of random shape: texts, alternatives, files in two encodings, attached mails."""
    random_ = random.Random(seed)
    mail = EmailMessage()
    mail["Subject"] = f"Zażółć {seed}"
    mail.set_content(
        f"Treść {seed}\nwiersz\n", cte=random_.choice(("8bit", "base64", "quoted-printable"))
    )
    if random_.random() < 0.5:
        mail.add_alternative(f"<p>Treść {seed}</p>", subtype="html")
    for index in range(random_.randint(0, 3)):
        if depth < 3 and random_.random() < 0.4:
            mail.add_attachment(build(seed * 7 + index, depth + 1))
        else:
            data, encoding = attachment(seed * 31 + index)
            mail.add_attachment(
                data, maintype="application", subtype="octet-stream", filename="x", cte=encoding
            )
    return mail


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("seed", range(40))
def test_well_made_mails_fall_into_the_same_parts(seed: int, line_end: bytes) -> None:
    raw = build(seed).as_bytes().replace(b"\n", line_end)
    ours, theirs = leaves(raw), list(library_leaves(raw))
    assert [kind for kind, _ in ours] == [kind for kind, _ in theirs]
    for (kind, content), (_, expected) in zip(ours, theirs, strict=True):
        if kind == "message/rfc822":  # the library writes it again, with LF
            assert content.replace(b"\r\n", b"\n") == expected.replace(b"\r\n", b"\n")
        else:
            assert content == expected


@pytest.mark.parametrize(
    "path", sorted(MAILS.rglob("*.eml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_the_mails_of_the_corpus_fall_into_the_same_parts(path: Path) -> None:
    raw = path.read_bytes()
    if (
        path.stem in BETTER
        or len(raw) > 100_000
        or b"\r" in raw.replace(b"\r\n", b"")
        or b"uuencode" in raw
    ):
        return
    try:
        theirs = [
            content
            for kind, content in library_leaves(raw)
            if kind not in ("message/rfc822", "text/plain")
        ]
    except (
        LookupError,
        ValueError,
        AssertionError,
        RecursionError,
    ):
        # where the library gives up there is no oracle
        return
    ours = [
        content for kind, content in leaves(raw) if kind not in ("message/rfc822", "text/plain")
    ]
    for content in theirs:
        if not content.startswith(b"--"):
            assert any(
                content in (mine, mine + b"\n", mine + b"\r\n", mine.replace(b"\r\n", b"\n"))
                for mine in ours
            )


@given(st.binary(max_size=300), st.sampled_from(["base64", "quoted-printable"]), st.booleans())
@settings(max_examples=100, deadline=None)
def test_any_bytes_attached_come_back(data: bytes, encoding: str, with_crlf: bool) -> None:
    mail = EmailMessage()
    mail.set_content("text")
    mail.add_attachment(
        data, maintype="application", subtype="x-thing", filename="a.thing", cte=encoding
    )
    raw = mail.as_bytes()
    reading = read_mail(raw.replace(b"\n", b"\r\n") if with_crlf else raw)
    assert [attachment.content for attachment in reading.attachments] == [data]


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_bare_bytes_come_back(data: bytes) -> None:
    boundary = b"a-boundary-that-no-data-has"
    head = (
        b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n--" + boundary + b"\r\n"
    )
    part = (
        b"Content-Type: application/x-thing\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        + data
        + b"\r\n--"
        + boundary
        + b"--"
    )
    assert [attachment.content for attachment in read_mail(head + part).attachments] == [data]


def test_no_byte_of_a_part_belongs_to_two_parts() -> None:
    for seed in range(20):
        raw = build(seed).as_bytes()
        ends = 0
        for part in parts_of(raw):
            if not part.children:
                assert part.start <= part.body <= part.end <= len(raw)
                assert part.start >= ends
                ends = part.end


def test_a_part_over_the_limit_of_nesting_is_kept_whole() -> None:
    inner = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b--"
    raw = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" + inner + b"\n--a--\n"
    reading = read_mail(raw, ReadingLimits(max_nesting=1))
    assert "nested-too-deep" in reading.defects
    assert reading.attachments[0].content == inner


def test_a_boundary_counts_only_as_a_whole_line() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\n--xy\n --x\nx--x\n--x-\n\n--x--\n"
    assert leaves(raw) == [("text/plain", b"--xy\n --x\nx--x\n--x-\n")]


def test_thousands_of_lines_that_begin_alike_do_not_hide_the_boundary() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\n"
        + b"--xx\n" * 1000
        + b"--x \t\r\n\nsecond\n--x--\n"
    )
    assert leaves(raw)[1] == ("text/plain", b"second")


@given(st.text("\n-ab", max_size=60), st.text("-ab", max_size=2), st.data())
def test_a_boundary_is_found_where_the_standard_library_finds_it(
    text: str, boundary: str, data: st.DataObject
) -> None:
    raw, line = text.encode(), b"\n--" + boundary.encode()
    position = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(position, len(raw)))
    found = splitter.find_line(raw, line, position, end, header_bytes=8)
    assert found == raw.find(line, position, end)
