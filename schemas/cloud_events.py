"""Changes of cases and outcomes of mails as CloudEvents 1.0 in the structured JSON form, for any
listener.

Source: the CloudEvents specification, version 1.0.2 (github.com/cloudevents/spec). `id` and
`source` together identify an event, so a duplicate has the same `id`. Within one case `revision`
orders the events, and their first copies arrive in that order.
"""

from datetime import datetime
from typing import Any

import msgspec

from schemas.changes import (
    Answered,
    Change,
    FieldsSet,
    Linked,
    MailAdded,
    MailMoved,
    Merged,
    Noted,
    Opened,
    Overdue,
    Rederived,
    Sent,
    Split,
    StageMoved,
    Unmerged,
    What,
)
from schemas.events import MailboxLimited, MailIgnored, MailParked, SenderLimited
from schemas.mails import Moment

CASES = "/mailcase/cases"
MAILS = "/mailcase/mails"
CONTENT_TYPE = "application/cloudevents+json"
# In routing keys and types, the name is that of the mail's outcome.
_NAMES = {"mail-added": "appended"}


MailEvent = MailParked | MailIgnored | SenderLimited | MailboxLimited


class CaseChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a case; `details` depends on the kind of change.

    It contains no title, address or text: a listener that has access reads them from the case.
    """

    case: int
    revision: int
    process: str
    actor: str
    mail_key: str | None = None
    details: dict[str, Any] = {}


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event; `subject` is the case's number, or the mail key."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: Moment
    datacontenttype: str = "application/json"
    data: Any


def name_of(what: What | type[What]) -> str:
    """The name of a kind of change in routing keys and event types: `stage-moved`."""
    tag = str(what.__struct_config__.tag)
    return _NAMES.get(tag, tag)


CHANGE_NAMES = tuple(sorted(name_of(kind) for kind in What.__args__))


def cloud_event(change: Change) -> CloudEvent:
    """The event of a change. Its bytes are always the same, whichever service publishes it."""
    return CloudEvent(
        id=change.id,
        source=CASES,
        type=f"mailcase.case.{name_of(change.what)}.v1",
        subject=str(change.case),
        time=change.at,
        data=CaseChanged(
            case=change.case,
            revision=change.revision,
            process=change.process,
            actor=change.actor.kind,
            mail_key=change.mail_key,
            details=_details(change.what),
        ),
    )


def mail_event(event: MailEvent, version: str) -> CloudEvent:
    """The event of a mail without a case, or of a limit; `version` names the outcome it reports."""
    name = mail_event_name(event)
    data = msgspec.to_builtins(event, builtin_types=(datetime,))
    del data["type"]
    return CloudEvent(
        id=f"{event.mail_key}.{name}.{version[:12]}",
        source=MAILS,
        type=f"mailcase.{name}.v1",
        subject=event.mail_key,
        time=event.at,
        data=data,
    )


def mail_event_name(event: MailEvent) -> str:
    """The name in routing keys and event types: `mail.parked`."""
    return event.ROUTING_KEY.removesuffix(".{process}")


def _details(what: What) -> dict[str, Any]:
    details: dict[str, Any] = {name: getattr(what, name) for name in _DETAILS.get(type(what), ())}
    if isinstance(what, FieldsSet):
        details["fields"] = sorted(what.values)
    if isinstance(what, Linked):
        details["links"] = [{"case": link.case, "kind": link.kind} for link in what.links]
    return details


_DETAILS: dict[type, tuple[str, ...]] = {
    Opened: ("stage", "mailbox", "comment", "split_from"),
    MailAdded: ("comment", "kind", "reopened"),
    MailMoved: ("comment", "to", "was"),
    Rederived: ("comment",),
    Sent: ("comment", "state"),
    Noted: ("comment",),
    Answered: ("outgoing",),
    StageMoved: ("from_stage", "to_stage", "from_process", "to_process", "closed", "reopened"),
    Merged: ("into", "absorbed"),
    Unmerged: ("out_of", "released"),
    Split: ("to", "comments"),
    Overdue: ("due_at",),
}
