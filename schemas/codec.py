"""Decodes and encodes messages: MessagePack between services, JSON for events.

Unknown fields are accepted.
"""

from typing import Any

import msgspec

from schemas.cases import Command
from schemas.events import AccessChanged, Event, FetcherPresent, MailsRecorded, MailsReplayed
from schemas.fields import FieldsRead, ReadFields
from schemas.mails import RawMail
from schemas.sending import AnswerCase, SendMail

_pack = msgspec.msgpack.Encoder()
_json = msgspec.json.Encoder()
_raw_mail = msgspec.msgpack.Decoder(RawMail)
_case_message = msgspec.msgpack.Decoder(Command | AnswerCase | FieldsRead)
_read_fields = msgspec.msgpack.Decoder(ReadFields)
_send_mail = msgspec.msgpack.Decoder(SendMail)
_event = msgspec.json.Decoder(Event)
_receipt = msgspec.json.Decoder(MailsRecorded)
_replayed = msgspec.json.Decoder(MailsReplayed)
_presence = msgspec.json.Decoder(FetcherPresent)
_access_changed = msgspec.json.Decoder(AccessChanged)


CaseMessage = Command | AnswerCase | FieldsRead


class _Tagged(msgspec.Struct):
    type: str = ""


class UnreadableMessageError(ValueError):
    """The bytes are not a valid message of their type. The error names the field."""


class NewerVersionError(UnreadableMessageError):
    """A message of a newer version, which this program cannot decode."""


def encode(message: msgspec.Struct) -> bytes:
    """MessagePack bytes, with the tag (`RawMail.v1`) under `type`."""
    return _pack.encode(message)


def encode_json(message: msgspec.Struct) -> bytes:
    """JSON bytes, with the tag under `type`; times as RFC 3339."""
    return _json.encode(message)


def tag_of(message: msgspec.Struct) -> str:
    """The name and version on the wire, such as `RawMail.v1`."""
    return str(message.__struct_config__.tag)


def decode_raw_mail(body: bytes) -> RawMail:
    """A message of the exchange `mailcase.mail`. Raises UnreadableMessageError."""
    mail: RawMail = _decode(_raw_mail, body)
    return mail


def decode_case_message(body: bytes) -> CaseMessage:
    """A message of the exchange `mailcase.case`: a command for a mail, an answer, or the fields of
    a mail.

    Raises UnreadableMessageError.
    """
    message: CaseMessage = _decode(_case_message, body)
    return message


def decode_read_fields(body: bytes) -> ReadFields:
    """A command of the queue `extractor.work`, which also gets events. Raises
    UnreadableMessageError.
    """
    message: ReadFields = _decode(_read_fields, body)
    return message


def decode_send_mail(body: bytes) -> SendMail:
    """A message of the queue `sender.work`. Raises UnreadableMessageError."""
    message: SendMail = _decode(_send_mail, body)
    return message


def decode_event(body: bytes) -> Event:
    """A `case.…` or `mail.…` event, except receipts and the effects of a replay.

    Raises UnreadableMessageError.
    """
    event: Event = _decode(_event, body)
    return event


def decode_receipt(body: bytes) -> MailsRecorded:
    """A receipt, routing key `mail.recorded.<mailbox>`. Raises UnreadableMessageError."""
    receipt: MailsRecorded = _decode(_receipt, body)
    return receipt


def decode_replayed(body: bytes) -> MailsReplayed:
    """The effects of a replay, routing key `mail.replayed.<run>`. Raises UnreadableMessageError."""
    replayed: MailsReplayed = _decode(_replayed, body)
    return replayed


def decode_presence(body: bytes) -> FetcherPresent:
    """The announcement of a fetcher, routing key `fetcher.present`. Raises
    UnreadableMessageError."""
    presence: FetcherPresent = _decode(_presence, body)
    return presence


def decode_access_changed(body: bytes) -> AccessChanged:
    """The subjects whose access changed, routing key `desk.access-changed`. Raises
    UnreadableMessageError."""
    changed: AccessChanged = _decode(_access_changed, body)
    return changed


def _decode(decoder: Any, body: bytes) -> Any:
    try:
        return decoder.decode(body)
    # ValueError: text that is not UTF-8, or a time out of range; RecursionError: a field nested too
    # deeply
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        tag = _tag_in(decoder, body)
        if _is_newer(tag, _known_tags(decoder)):
            raise NewerVersionError(f"{tag} is newer than this program") from error
        raise UnreadableMessageError(str(error)) from error


def _tag_in(decoder: Any, body: bytes) -> str:
    """Only the tag, whatever else the message contains; "" if there is none."""
    protocol: Any = (
        msgspec.msgpack if isinstance(decoder, msgspec.msgpack.Decoder) else msgspec.json
    )
    try:
        tagged: _Tagged = protocol.decode(body, type=_Tagged)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    return tagged.type


def _known_tags(decoder: Any) -> set[str]:
    types = getattr(decoder.type, "__args__", (decoder.type,))
    return {str(kind.__struct_config__.tag) for kind in types}


def _is_newer(tag: str, known: set[str]) -> bool:
    """Whether the message's name is known, but only with earlier versions."""
    name, _, version = tag.rpartition(".v")
    versions = [int(tag.rpartition(".v")[2]) for tag in known if tag.rpartition(".v")[0] == name]
    return bool(versions) and version.isdecimal() and int(version) > max(versions)
