"""Which case each mail was in, read from archived events.

The archive contains CloudEvents and the events of earlier versions; both are decoded.
"""

import re
from typing import Any

import msgspec

from schemas.codec import UnreadableMessageError, decode_event
from schemas.events import (
    CaseAppended,
    CaseMoved,
    CaseOpened,
    Event,
    MailboxLimited,
    MailIgnored,
    MailParked,
    SenderLimited,
)
from schemas.mails import Moment

_MAIL_KEY = re.compile(r"[0-9a-f]{64}")


class _Envelope(msgspec.Struct):
    type: str
    time: Moment
    specversion: str = ""
    data: dict[str, Any] = {}


def decode_archived_events(body: bytes) -> list[Event]:
    """The mails that an event names, with their cases; empty if it names none. Raises
    UnreadableMessageError.
    """
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [decode_event(body)]
    if not envelope.specversion:
        return [decode_event(body)]
    try:
        return _events(envelope)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise UnreadableMessageError(f"{envelope.type}: {error!r}") from error


def _events(envelope: _Envelope) -> list[Event]:
    data = envelope.data
    details: dict[str, Any] = data.get("details", {})
    match envelope.type:
        case "mailcase.case.opened.v1":
            about = _about(envelope, data["mail_key"] or details["comment"]) | {
                "mailbox": details["mailbox"]
            }
            return [CaseOpened(case=data["case"], stage=details["stage"], title="", **about)]
        case "mailcase.case.appended.v1":
            about = _about(envelope, data["mail_key"] or details["comment"])
            return [CaseAppended(case=data["case"], reopened=details["reopened"], **about)]
        case "mailcase.case.mail-moved.v1" if details["was"] is not None:
            return [
                CaseMoved(
                    case=data["case"], was=details["was"], **_about(envelope, details["comment"])
                )
            ]
        case "mailcase.case.split.v1":
            went = [key for key in details["comments"] if _MAIL_KEY.fullmatch(key)]
            return [
                CaseMoved(case=details["to"], was=data["case"], **_about(envelope, key))
                for key in went
            ]
        case "mailcase.mail.parked.v1":
            return [msgspec.convert(data | {"type": "MailParked.v1"}, MailParked)]
        case "mailcase.mail.ignored.v1":
            return [msgspec.convert(data | {"type": "MailIgnored.v1"}, MailIgnored)]
        case "mailcase.alert.sender-limited.v1":
            return [msgspec.convert(data | {"type": "SenderLimited.v1"}, SenderLimited)]
        case "mailcase.alert.mailbox-limited.v1":
            return [msgspec.convert(data | {"type": "MailboxLimited.v1"}, MailboxLimited)]
        case _:
            return []


def _about(envelope: _Envelope, mail_key: str) -> dict[str, Any]:
    return {
        "mail_key": mail_key,
        "process": envelope.data["process"],
        "mailbox": "",
        "at": envelope.time,
    }
