"""Preparation of commands: mails are read, and their attachments are stored."""

import hashlib

import pytest
from msgspec import structs

from schemas.cases import Command, Decision, OpenCase, ParkMail
from schemas.mails import BlobRef, Replay
from schemas.reasons import ParkReason
from services.case_writer.placement.plan import Plan, Unassigned
from services.case_writer.ports import UnreadableMailError
from services.case_writer.preparation import READ_TOGETHER_MAILS, MailPreparer
from services.case_writer.reading import MailReading, read_mail
from services.runtime.errors import PermanentError, TransientError
from tests.builders import ignoring, opening, parking, raw_mail
from tests.fakes import FakeBlobs, InProcessReader

BOUNDARY_MAIL = (
    b"From: Anna <anna@customer.example>\r\nSubject: Two files\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nSee the files\r\n"
    b"--b\r\nContent-Type: application/octet-stream\r\n"
    b'Content-Disposition: attachment; filename="a.bin"\r\n\r\nfirst\r\n'
    b"--b\r\nContent-Type: application/octet-stream\r\n"
    b'Content-Disposition: attachment; filename="b.bin"\r\n\r\nsecond\r\n--b--\r\n'
)


@pytest.fixture
def blobs() -> FakeBlobs:
    return FakeBlobs()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_each_mail_gets_its_own_attachments_in_their_order(blobs: FakeBlobs) -> None:
    mail = raw_mail(BOUNDARY_MAIL)
    with_files = opening("two files", raw=BOUNDARY_MAIL, key=mail.key)
    commands: list[Command] = [opening("no file"), with_files, parking("parked")]
    none, two, parked = await MailPreparer(blobs, InProcessReader()).prepare(commands)
    assert none.attachments == ()
    assert [attachment.sha256 for attachment in two.attachments] == [
        sha256(b"first"),
        sha256(b"second"),
    ]
    assert two.reading is not None
    assert [attachment.name for attachment in two.attachments] == ["a.bin", "b.bin"]
    assert (none.original, two.original) == (None, None)
    assert parked.original == BlobRef(
        sha256=sha256(commands[2].mail.raw or b""), size=commands[2].mail.size
    )


@pytest.mark.parametrize("command", [parking("m"), ignoring("m")])
async def test_a_mail_set_aside_is_kept_whole_and_not_read(
    blobs: FakeBlobs, command: Command
) -> None:
    [item] = await MailPreparer(blobs, InProcessReader()).prepare([command])
    assert item.reading is None
    assert item.original is not None
    assert await blobs.get(item.original.sha256) == item.command.mail.raw


async def test_the_original_is_kept_for_the_mailboxes_that_ask_for_it(blobs: FakeBlobs) -> None:
    intake = MailPreparer(blobs, InProcessReader(), lambda mailbox: mailbox == "keeps")
    kept, not_kept = await intake.prepare([opening("m", mailbox="keeps"), opening("m")])
    assert kept.original == BlobRef(
        sha256=sha256(kept.command.mail.raw or b""), size=kept.command.mail.size
    )
    assert not_kept.original is None


async def test_a_mail_too_much_for_reading_is_kept_whole(blobs: FakeBlobs) -> None:
    long = b"From: anna@customer.example\r\nSubject: long\r\n\r\n" + b"word " * 200_000
    [item] = await MailPreparer(blobs, InProcessReader()).prepare([opening("m", raw=long)])
    assert item.reading is not None
    assert "text-shortened" in item.reading.defects
    assert item.original is not None
    assert await blobs.get(item.original.sha256) == long


DAMAGED_MAILS = {
    "contradicting boundaries": b"Content-Type: multipart/mixed; boundary=a\n"
    b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--a\n\nother\n--b--\n",
    "one header with two boundaries": b"Content-Type: multipart/mixed; boundary=b; boundary=a\n\n--b\n\ntext\n--b--\n",
    "bytes that are no letters": b"Content-Type: text/plain; charset=utf-8\n\nZa\xc5\xbc\xc3\xb3\xc5\x82\xc4 word\n",
    "a text in a form for one program": b"Content-Type: multipart/alternative; boundary=b\n\n"
    b"--b\nContent-Type: text/x-amp-html\n\n<p>text</p>\n--b--\n",
    "fields that are text": b"\n\nTo: everyone\n\ntext",
    "base64 that is text": b"Content-Transfer-Encoding: base64\n\nThis is plain text, 12 EUR.\n",
    "broken uuencode": b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\nno such line\nend\n",
    "two encodings": b"Content-Transfer-Encoding: base64, quoted-printable\n\nsome=20words\n",
    "a part behind the end": b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--\n",
    "text behind the end": b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\nand more\n",
    "a damaged file": b"Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\nQUJ*D=\n",
    "a line that is no field": b"Subject: x\nMy words\nX-Mailer: y\n\ntext",
}


@pytest.mark.parametrize("rest", DAMAGED_MAILS.values(), ids=DAMAGED_MAILS.keys())
async def test_a_mail_that_can_be_read_in_more_than_one_way_is_kept_whole(
    blobs: FakeBlobs, rest: bytes
) -> None:
    raw = rest if rest.startswith(b"\n") else b"From: anna@customer.example\n" + rest
    [item] = await MailPreparer(blobs, InProcessReader()).prepare([opening("m", raw=raw)])
    assert item.original is not None
    assert await blobs.get(item.original.sha256) == raw


async def test_a_mail_that_travels_as_a_blob_is_read_whole(blobs: FakeBlobs) -> None:
    [reference] = await blobs.put_all([BOUNDARY_MAIL])
    [item] = await MailPreparer(blobs, InProcessReader()).prepare(
        [opening("m", raw=None, blob=reference, head=BOUNDARY_MAIL[:20])]
    )
    assert item.reading is not None
    assert item.reading.subject == "Two files"
    assert len(item.attachments) == 2


async def test_a_large_mail_that_is_kept_whole_is_kept_where_it_is(
    blobs: FakeBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is fetched only if it is read. A blob that is missing or has another size
    cannot be kept.
    """
    [reference] = await blobs.put_all([BOUNDARY_MAIL])
    monkeypatch.setattr(blobs, "get", None)
    intake = MailPreparer(blobs, InProcessReader())
    small, large = await intake.prepare(
        [parking("small"), parking("large", raw=None, blob=reference)]
    )
    assert small.original is not None
    assert large.original == reference
    gone = structs.replace(reference, size=1)
    with pytest.raises(PermanentError, match="no blob"):
        await intake.prepare([parking("large", raw=None, blob=gone)])
    with pytest.raises(UnreadableMailError) as caught:
        await intake.prepare(
            [
                parking(
                    "large",
                    ParkReason.CANNOT_BE_WRITTEN,
                    raw=None,
                    blob=gone,
                    origin="replay",
                    replay=Replay(run="r"),
                )
            ]
        )
    assert caught.value.reason == ParkReason.CONTENT_MISSING


async def test_a_mail_without_its_blob_fails_permanently(blobs: FakeBlobs) -> None:
    missing = opening("m", raw=None, blob=BlobRef(sha256="0" * 64, size=5))
    with pytest.raises(PermanentError):
        await MailPreparer(blobs, InProcessReader()).prepare([missing])


async def test_a_message_without_the_mail_fails_permanently_and_names_it(blobs: FakeBlobs) -> None:
    command = opening("m", raw=None)
    with pytest.raises(PermanentError) as caught:
        await MailPreparer(blobs, InProcessReader()).prepare([command])
    assert caught.value.mail_key == command.mail.key


async def test_a_mail_that_cannot_be_read_is_parked_whole_without_its_neighbors(
    blobs: FakeBlobs,
) -> None:
    def broken(raw: bytes) -> MailReading:
        if b"bad" in raw:
            raise UnreadableMailError(ParkReason.READING_FAILED, "MemoryError()")
        return read_mail(raw)

    good, bad = opening("good"), opening("bad")
    reader = InProcessReader(broken)
    first, second = await MailPreparer(blobs, reader).prepare([good, bad])
    assert (first.command, first.original) == (good, None)
    assert isinstance(second.command, ParkMail)
    assert (second.command.mail, second.command.reason) == (bad.mail, "reading-failed")
    assert second.command.decision.evidence[-1] == "reading-failed: MemoryError()"
    assert second.original is not None
    assert await blobs.get(second.original.sha256) == bad.mail.raw
    assert reader.questions == [2]


async def test_an_unavailable_store_does_not_count_against_the_mail(blobs: FakeBlobs) -> None:
    blobs.failures = [TransientError("no primary")]
    with pytest.raises(TransientError):
        await MailPreparer(blobs, InProcessReader(), lambda _mailbox: True).prepare([opening("m")])


async def test_a_replayed_mail_is_read_whatever_the_rules_say_but_not_what_failed_here(
    blobs: FakeBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail that failed in reading was parked; reading it again would fail again."""
    replayed = {"origin": "replay", "replay": Replay(run="r")}
    spam, failed, unwritten = (
        structs.replace(command, mail=structs.replace(command.mail, **replayed))
        for command in (
            parking("m", "spam"),
            parking("m", "reading-takes-too-long"),
            parking("m", "cannot-be-written"),
        )
    )
    items = await MailPreparer(blobs, InProcessReader()).prepare([spam, failed, unwritten])
    assert [item.reading is not None for item in items] == [True, False, False]


async def test_a_replayed_mail_whose_content_is_lost_is_kept_without_any(blobs: FakeBlobs) -> None:
    mail = raw_mail(
        raw=None, blob=BlobRef(sha256="0" * 64, size=7), origin="replay", replay=Replay(run="r")
    )
    command = OpenCase(mail=mail, decision=Decision(rule="new-case"))
    intake = MailPreparer(blobs, InProcessReader())
    with pytest.raises(UnreadableMailError) as caught:
        await intake.prepare([command])
    assert caught.value.reason == ParkReason.CONTENT_MISSING
    [item] = await intake.prepare(
        [ParkMail(mail=mail, decision=command.decision, reason=ParkReason.CONTENT_MISSING)]
    )
    assert (item.reading, item.original) == (None, None)
    plan = Plan(
        unassigned=[Unassigned(item, "parked", ParkReason.CONTENT_MISSING, command.decision)]
    )
    assert plan.needs_original == []


async def test_a_fetched_mail_whose_content_is_lost_is_not_kept_at_all(blobs: FakeBlobs) -> None:
    """It is still in its mailbox, and will be fetched again with its content."""
    mail = raw_mail(raw=None, blob=BlobRef(sha256="0" * 64, size=7))
    with pytest.raises(PermanentError) as caught:
        await MailPreparer(blobs, InProcessReader()).prepare(
            [OpenCase(mail=mail, decision=Decision(rule="new-case"))]
        )
    assert not isinstance(caught.value, UnreadableMailError)


async def test_small_mails_are_read_together_and_a_large_one_alone(blobs: FakeBlobs) -> None:
    reader = InProcessReader()
    large = opening("large " * 200_000)
    small = [opening(str(number)) for number in range(READ_TOGETHER_MAILS + 1)]
    parked = parking("not read")
    items = await MailPreparer(blobs, reader).prepare([small[0], parked, large, *small[1:]])
    assert reader.questions == [1, 1, READ_TOGETHER_MAILS]
    assert [item.command for item in items] == [small[0], parked, large, *small[1:]]
    texts = [item.reading.text for item in items if item.reading is not None]
    assert texts == ["0", "large " * 83_333 + "la", *map(str, range(1, len(small)))]
