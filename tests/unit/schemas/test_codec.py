"""Decoding messages: new fields are accepted, and all damage is one kind of error."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from schemas.codec import (
    NewerVersionError,
    UnreadableMessageError,
    decode_case_message,
    decode_event,
    decode_raw_mail,
    decode_receipt,
    encode,
    encode_json,
    tag_of,
)
from schemas.events import MailParked, MailsRecorded
from schemas.mails import BlobRef, RawMail, mail_key
from tests.builders import NOW, ignoring, opening, parking, raw_mail

EVENT = MailParked(
    mail_key="a" * 64, process="invoices", mailbox="invoices", at=NOW, reason="virus"
)
RECEIPT = MailsRecorded(mailbox="invoices", keys=["a" * 64])
Decoder = Callable[[bytes], Any]


def packed(**changes: Any) -> bytes:
    """The bytes of a RawMail with some fields changed; None removes a field."""
    fields = msgspec.msgpack.decode(encode(raw_mail())) | changes
    return msgspec.msgpack.encode(
        {name: value for name, value in fields.items() if value is not None}
    )


DEEP = b"\x82\xa4type\xaaRawMail.v1\xa1x" + b"\x91" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x00",
        b"\x90",
        b"{}",
        DEEP,
        packed(type="RawMail.v2"),
        packed(key=None),
        packed(key=17),
        packed(key="a" * 65),
        packed(mailbox="invoices" * 30),
        packed(process="faktury zakupu"),
        packed(replay={"run": "r" * 250}),
        packed(raw="text"),
        packed(fetched_at="yesterday"),
        packed(fetched_at="2026-03-04T05:06:07"),
        packed(size=None),
        packed(blob={"sha256": "a"}),
        b"\x81\xa4type\xa2\xff\xff",
    ],
)
def test_a_broken_raw_mail_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableMessageError, match=r".+"):
        decode_raw_mail(body)


def test_a_truncated_message_is_unreadable_wherever_it_was_cut() -> None:
    whole = encode(opening("cut"))
    for end in range(len(whole)):
        with pytest.raises(UnreadableMessageError):
            decode_case_message(whole[:end])


def test_a_message_with_one_wrong_byte_is_read_or_unreadable_and_nothing_else() -> None:
    whole = bytearray(encode(opening("wrong byte")))
    refused = 0
    for place in range(len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            whole[place] ^= flip
            try:
                decode_case_message(bytes(whole))
            except UnreadableMessageError:
                refused += 1
            whole[place] ^= flip
    assert refused > len(whole) / 4


def test_a_field_of_tomorrow_is_accepted() -> None:
    assert decode_raw_mail(packed(priority={"level": 3, "why": ["x"]})) == raw_mail()


def test_fields_with_defaults_may_be_missing() -> None:
    mail = decode_raw_mail(packed(origin=None, raw=None, received_at=None))
    assert (mail.origin, mail.raw, mail.received_at, mail.blob) == ("fetch", None, None, None)


@pytest.mark.parametrize(
    "command", [opening("o", thread_ids=["<a@x.example>"]), parking("p"), ignoring("i")]
)
def test_a_command_comes_back_as_it_was(command: Any) -> None:
    assert decode_case_message(encode(command)) == command


def test_the_bytes_of_a_mail_travel_untouched() -> None:
    raw = bytes(range(256)) * 3
    assert decode_raw_mail(encode(raw_mail(raw))).raw == raw


def test_times_keep_their_zone() -> None:
    assert decode_raw_mail(encode(raw_mail(received_at=NOW))).received_at == NOW


@pytest.mark.parametrize(
    ("decoder", "body"),
    [
        (decode_event, encode_json(RECEIPT)),
        (decode_receipt, encode_json(EVENT)),
        (decode_case_message, encode(raw_mail())),
        (decode_raw_mail, encode(parking("p"))),
        (decode_event, b'{"type":"MailParked.v1","x":' + b"[" * 100_000),
        (decode_event, encode_json(EVENT).replace(b"invoices", b"\xff", 1)),
        (decode_event, encode_json(EVENT)[:-1]),
    ],
)
def test_another_kind_of_message_or_broken_json_is_unreadable(
    decoder: Decoder, body: bytes
) -> None:
    with pytest.raises(UnreadableMessageError):
        decoder(body)


def test_events_and_receipts_come_back_as_they_were() -> None:
    assert decode_event(encode_json(EVENT)) == EVENT
    assert decode_receipt(encode_json(RECEIPT)) == RECEIPT
    assert b'"at":"2026-03-04T05:06:07Z"' in encode_json(EVENT)


def test_the_tag_names_type_and_version() -> None:
    assert tag_of(raw_mail()) == "RawMail.v1"
    assert msgspec.json.decode(encode_json(RECEIPT))["type"] == "MailsRecorded.v1"


def test_a_mail_key_is_the_hash_of_mailbox_nul_and_bytes() -> None:
    # sha256sum of "invoices", NUL, "abc"
    assert (
        mail_key("invoices", b"abc")
        == "c6a0a00548e445aaa315572e839fe48189b4574cde3bcbf174605639f7f4c08f"
    )


def test_mail_keys_differ_by_mailbox_and_by_every_byte() -> None:
    keys = {
        mail_key(box, raw)
        for box in ("a", "ab", "ż")
        for raw in (b"", b"c", b"bc", b"c\r\n", b"c\n")
    }
    assert len(keys) == 15


def test_a_mail_is_classified_by_its_bytes_or_else_by_its_head() -> None:
    blob = BlobRef(sha256="a" * 64, size=5)
    assert raw_mail(b"whole").classifiable == b"whole"
    assert raw_mail(raw=None, blob=blob, head=b"head").classifiable == b"head"
    assert RawMail(key="k", process="p", mailbox="m", size=0, fetched_at=NOW).classifiable == b""


@pytest.mark.parametrize(
    ("decode", "tag"),
    [
        (decode_raw_mail, "RawMail.v2"),
        (decode_case_message, "OpenCase.v2"),
        (decode_case_message, "ParkMail.v12"),
    ],
)
def test_a_known_message_of_a_later_version_is_newer_and_not_broken(
    decode: Decoder, tag: str
) -> None:
    with pytest.raises(NewerVersionError):
        decode(msgspec.msgpack.encode({"type": tag, "mail": 7}))


@pytest.mark.parametrize("tag", ["RawMail.v0", "RawMail.vx", "RawMail", "Other.v2", "", 7])
def test_another_unknown_message_is_broken(tag: object) -> None:
    with pytest.raises(UnreadableMessageError) as caught:
        decode_raw_mail(msgspec.msgpack.encode({"type": tag}))
    assert not isinstance(caught.value, NewerVersionError)
