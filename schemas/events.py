"""Messages in JSON: events for anyone, receipts for the fetchers, presence between fetchers."""

from typing import ClassVar, Literal

import msgspec

from schemas.mails import Moment


class _MailEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """`mail_key` names the mail that caused the event.

    An event may be published twice, with the same `type` and `mail_key`.
    """

    mail_key: str
    process: str
    mailbox: str
    at: Moment


class CaseOpened(_MailEvent, frozen=True, kw_only=True, tag="CaseOpened.v1"):
    """A mail opened case number `case` at `stage`; routing key `case.opened.<process>`."""

    case: int
    stage: str
    title: str


class CaseAppended(_MailEvent, frozen=True, kw_only=True, tag="CaseAppended.v1"):
    """A mail was added to case number `case`; `process` is the case's; routing key
    `case.appended.<process>`.

    `reopened` is true if the case was closed until then.
    """

    case: int
    reopened: bool = False


class CaseMoved(_MailEvent, frozen=True, kw_only=True, tag="CaseMoved.v1"):
    """A replay moved a mail from case `was` to `case`; routing key `case.moved.…`.

    `process` is that of the new case.
    """

    case: int
    was: int


class MailParked(_MailEvent, frozen=True, kw_only=True, tag="MailParked.v1"):
    """A mail waits for a person; routing key `mail.parked.<process>`."""

    ROUTING_KEY: ClassVar[str] = "mail.parked.{process}"

    reason: str


class MailIgnored(_MailEvent, frozen=True, kw_only=True, tag="MailIgnored.v1"):
    """A mail was recorded without a case; routing key `mail.ignored.<process>`.

    `case` is the case of the mail that this one is a copy of (`reason` is `copy`), None for other
    reasons.
    """

    ROUTING_KEY: ClassVar[str] = "mail.ignored.{process}"

    reason: str
    case: int | None = None


class SenderLimited(_MailEvent, frozen=True, kw_only=True, tag="SenderLimited.v1"):
    """An alert: `address` reached the limit of new cases, and this mail is the first to be parked.

    `address` is empty for mails without an author's address, which count as one sender. Sent once
    per window of the limit; routing key `alert.sender-limited.<process>`.
    """

    ROUTING_KEY: ClassVar[str] = "alert.sender-limited.{process}"

    address: str


class MailboxLimited(_MailEvent, frozen=True, kw_only=True, tag="MailboxLimited.v1"):
    """An alert: `mailbox` reached the limit of new cases, and this mail is the first to be parked.

    Sent once per window of the limit; routing key `alert.mailbox-limited.<process>`.
    """

    ROUTING_KEY: ClassVar[str] = "alert.mailbox-limited.{process}"


class MailsRecorded(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="MailsRecorded.v1"
):
    """The receipt: a majority of the database has the outcomes, so the mails may leave `mailbox`.

    Routing key `mail.recorded.<mailbox>`. `keys` are mail keys in no order; a key may occur more
    than once.
    """

    ROUTING_KEY: ClassVar[str] = "mail.recorded.{mailbox}"

    mailbox: str
    keys: list[str]


class ReplayEffect(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of a replay on one mail.

    `effect` is `opened`, `appended`, `parked` or `ignored` if the mail had no outcome before;
    `unchanged` if its outcome stays; `rederived` if what is derived from it was replaced; `moved`
    if it went to another case, or from none to one; `differs` if it would move but was left in
    place. `case` is the case it is in or, for `differs`, would go to; None if it goes to none.
    `was` is its case before; `detail` is a constant word that says more.
    """

    mail_key: str
    effect: Literal[
        "opened", "appended", "parked", "ignored", "unchanged", "rederived", "moved", "differs"
    ]
    case: int | None = None
    was: int | None = None
    detail: str = ""


class MailsReplayed(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="MailsReplayed.v1"
):
    """The effects of replay `run`, sent once they are written; routing key
    `mail.replayed.<run>`.
    """

    ROUTING_KEY: ClassVar[str] = "mail.replayed.{run}"

    run: str
    effects: list[ReplayEffect]


class FetcherPresent(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="FetcherPresent.v1"
):
    """A fetcher announces every few seconds which mailboxes it reads; routing key
    `fetcher.present`.

    `replica` names the fetcher while its connection lives; `room` is the number of further
    mailboxes that it can read.
    """

    ROUTING_KEY: ClassVar[str] = "fetcher.present"

    replica: str
    mailboxes: list[str]
    room: int


class AccessChanged(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="AccessChanged.v1"
):
    """Sessions or tokens ended, or the access of users changed; routing key `desk.access-changed`.

    Desks then check the open streams of these `subjects` in the database; the message itself is not
    trusted. `subjects` are SHA-256 digests, so that the message contains no addresses.
    """

    ROUTING_KEY: ClassVar[str] = "desk.access-changed"

    subjects: list[str]


Event = (
    CaseOpened
    | CaseAppended
    | CaseMoved
    | MailParked
    | MailIgnored
    | SenderLimited
    | MailboxLimited
)
Published = (
    MailParked
    | MailIgnored
    | SenderLimited
    | MailboxLimited
    | MailsRecorded
    | MailsReplayed
    | FetcherPresent
)


def routing_key(event: Published) -> str:
    """The routing key of an event, from its template and its fields."""
    return event.ROUTING_KEY.format_map(
        {name: getattr(event, name) for name in event.__struct_fields__}
    )
