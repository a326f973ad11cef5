"""Old bytes stay readable: the current code reads a stored sample of every message and version."""

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest

from schemas import cases, codec, events, fields, mails, sending
from schemas.codec import (
    decode_access_changed,
    decode_case_message,
    decode_event,
    decode_presence,
    decode_raw_mail,
    decode_read_fields,
    decode_receipt,
    decode_replayed,
    decode_send_mail,
    tag_of,
)
from schemas.events import AccessChanged, FetcherPresent, MailsRecorded, MailsReplayed
from schemas.fields import ReadFields
from schemas.mails import RawMail
from schemas.sending import SendMail
from tests.contract.samples import FOLDER, MESSAGEPACK, SAMPLES, encoded, path_of

Decode = Callable[[bytes], msgspec.Struct]


def decoder(name: str) -> Decode:
    message = SAMPLES[name]
    if isinstance(message, RawMail):
        return decode_raw_mail
    if isinstance(message, MailsRecorded):
        return decode_receipt
    if isinstance(message, MailsReplayed):
        return decode_replayed
    if isinstance(message, SendMail):
        return decode_send_mail
    if isinstance(message, ReadFields):
        return decode_read_fields
    if isinstance(message, AccessChanged):
        return decode_access_changed
    if isinstance(message, FetcherPresent):
        return decode_presence
    return decode_case_message if isinstance(message, MESSAGEPACK) else decode_event


def plain(name: str, body: bytes) -> Any:
    """The fields as any reader sees them, without our structs."""
    return (
        msgspec.msgpack.decode(body)
        if path_of(name).suffix == ".msgpack"
        else msgspec.json.decode(body)
    )


def tagged_types() -> set[str]:
    """The tags of all messages that `schemas` defines, without abstract bases."""
    found = [
        one
        for module in (mails, cases, events, fields, sending)
        for _, one in inspect.getmembers(module, inspect.isclass)
    ]
    structs = [item for item in found if issubclass(item, msgspec.Struct)]
    return {
        str(struct.__struct_config__.tag)
        for struct in structs
        if struct.__struct_config__.tag and struct.__name__[0] != "_"
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_a_stored_sample_is_read_as_it_was_meant(name: str) -> None:
    assert decoder(name)(path_of(name).read_bytes()) == SAMPLES[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_today_s_bytes_hold_every_field_of_the_sample(name: str) -> None:
    stored, today = plain(name, path_of(name).read_bytes()), plain(name, encoded(name))
    assert _holds(today, stored), (
        f"a field of {name} is gone or has another form: add, never change"
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_a_reader_of_yesterday_accepts_a_field_of_tomorrow(name: str) -> None:
    body = plain(name, path_of(name).read_bytes()) | {"of_tomorrow": {"a": [1, None, "b"]}}
    written = (
        msgspec.msgpack.encode(body)
        if path_of(name).suffix == ".msgpack"
        else msgspec.json.encode(body)
    )
    assert decoder(name)(written) == SAMPLES[name]


def test_every_message_has_a_sample_and_every_sample_a_message() -> None:
    sampled = {tag_of(message) for message in SAMPLES.values()}
    assert sampled == tagged_types()
    assert {path.name for path in FOLDER.iterdir()} == {path_of(name).name for name in SAMPLES}


def test_every_tag_carries_a_version() -> None:
    for tag in tagged_types():
        name, _, version = tag.partition(".v")
        assert name.isalpha()
        assert version.isdigit()


def test_every_time_on_the_wire_has_its_zone() -> None:
    for name, message in SAMPLES.items():
        fields = {field.name: field.type for field in msgspec.structs.fields(type(message))}
        times = [kind for kind in fields.values() if "datetime" in str(kind)]
        assert all("tz=True" in str(kind) for kind in times), name


def test_every_decoder_of_the_codec_has_a_sample() -> None:
    assert {decoder(name) for name in SAMPLES} == {
        one
        for name, one in inspect.getmembers(codec, inspect.isfunction)
        if name.startswith("decode_")
    }


def _holds(today: Any, stored: Any) -> bool:
    if isinstance(stored, dict):
        return isinstance(today, dict) and all(
            name in today and _holds(today[name], value) for name, value in stored.items()
        )
    if isinstance(stored, datetime):
        return isinstance(today, datetime) and today == stored
    return bool(today == stored)
