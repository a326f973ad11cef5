"""What is told as JSON: events for anyone, receipts for the fetchers, and what fetchers tell each other."""

from typing import ClassVar, Literal

import msgspec

from schemas.mails import Moment


class _MailEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """`mail_key` names the mail that caused the event; an event may come twice, with the same `type` and `mail_key`."""

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
    """A mail was added to case number `case`; `process` is the case's; routing key `case.appended.<process>`.

    `reopened` tells that the case was closed until then.
    """

    case: int
    reopened: bool = False


class CaseMoved(_MailEvent, frozen=True, kw_only=True, tag="CaseMoved.v1"):
    """A mail that was in case `was` is in `case` from now on: a person had it decided anew; routing key `case.moved.…`.

    `process` is that of the case where it is now.
    """

    case: int
    was: int


class MailParked(_MailEvent, frozen=True, kw_only=True, tag="MailParked.v1"):
    """A mail waits for a person; routing key `mail.parked.<process>`."""

    ROUTING_KEY: ClassVar[str] = "mail.parked.{process}"

    reason: str


class MailIgnored(_MailEvent, frozen=True, kw_only=True, tag="MailIgnored.v1"):
    """A mail was recorded without a case; routing key `mail.ignored.<process>`.

    `case` is where the mail is of which this one is a copy (`reason` is `copy`), None for other reasons.
    """

    ROUTING_KEY: ClassVar[str] = "mail.ignored.{process}"

    reason: str
    case: int | None = None


class SenderLimited(_MailEvent, frozen=True, kw_only=True, tag="SenderLimited.v1"):
    """An alert: `address` opened so many cases lately that its further mails are parked, this one the first of them.

    It is empty for mails without an author's address, which count as one sender.

    Once in the window of the limit; routing key `alert.sender-limited.<process>`.
    """

    ROUTING_KEY: ClassVar[str] = "alert.sender-limited.{process}"

    address: str


class MailboxLimited(_MailEvent, frozen=True, kw_only=True, tag="MailboxLimited.v1"):
    """An alert: mails to `mailbox` opened so many cases lately that further ones are parked.

    This one is the first of them. Once in the window of the limit; routing key `alert.mailbox-limited.<process>`.
    """

    ROUTING_KEY: ClassVar[str] = "alert.mailbox-limited.{process}"


class MailsRecorded(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="MailsRecorded.v1"):
    """The receipt: the outcomes of these mails are written by a majority of the database, so they may leave `mailbox`.

    Routing key `mail.recorded.<mailbox>`. `keys` are mail keys, in no order; a key may come more than once.
    """

    ROUTING_KEY: ClassVar[str] = "mail.recorded.{mailbox}"

    mailbox: str
    keys: list[str]


class ReplayEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay did with one mail; `case` is where it is or, for `differs`, where it would go, None for no case.

    `opened`, `appended`, `parked`, `ignored`: it had no outcome before. `unchanged`: it had one, which stands.
    `rederived`: what is derived from it was replaced. `moved`: it went to another case, or to one from none. `differs`:
    it would, and was left where it is. `was` is its case until then; `detail` is a constant name that says more.
    """

    mail_key: str
    effect: Literal["opened", "appended", "parked", "ignored", "unchanged", "rederived", "moved", "differs"]
    case: int | None = None
    was: int | None = None
    detail: str = ""


class MailsReplayed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="MailsReplayed.v1"):
    """The effects of replay `run`, told once they are written; routing key `mail.replayed.<run>`."""

    ROUTING_KEY: ClassVar[str] = "mail.replayed.{run}"

    run: str
    effects: list[ReplayEffect]


class FetcherPresent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="FetcherPresent.v1"):
    """A fetcher tells the others what it reads, every few seconds; routing key `fetcher.present`.

    `replica` names it for as long as its connection lives, `room` is how many mailboxes more it would read.
    """

    ROUTING_KEY: ClassVar[str] = "fetcher.present"

    replica: str
    mailboxes: list[str]
    room: int


Event = CaseOpened | CaseAppended | CaseMoved | MailParked | MailIgnored | SenderLimited | MailboxLimited
Published = MailParked | MailIgnored | SenderLimited | MailboxLimited | MailsRecorded | MailsReplayed | FetcherPresent


def routing_key(event: Published) -> str:
    """The routing key of an event, from its template and its fields."""
    return event.ROUTING_KEY.format_map({name: getattr(event, name) for name in event.__struct_fields__})
