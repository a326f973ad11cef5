"""Parked mail, mailboxes, and the flow."""

from datetime import datetime

import msgspec

from services.desk.pages.views.lists import Option


class ParkedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A parked mail in the list; `reason` is a `ParkReason`."""

    key: str
    href: str
    reason: str
    process_title: str
    mailbox: str
    author: str
    subject: str
    since: datetime


class DeadLetterRow(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the dead letters of `queue`; `kind` is its type, `trace` where it failed, empty
    if unknown. `detail` is what else the service reported, in English.
    """

    id: str
    queue: str
    reason: str
    detail: str = ""
    since: datetime | None = None
    kind: str = ""
    author: str = ""
    subject: str = ""
    size: int = 0
    process_title: str = ""
    trace: str = ""


class DeadLettersView(msgspec.Struct, frozen=True, kw_only=True):
    """The dead letters; `is_reachable` is false while the broker does not answer."""

    rows: tuple[DeadLetterRow, ...]
    is_reachable: bool = True


class ParkedListView(msgspec.Struct, frozen=True, kw_only=True):
    """The parked mails."""

    rows: tuple[ParkedRow, ...]
    reasons: tuple[Option, ...] = ()
    total: int | None = None
    next_href: str | None = None


class HeaderLine(msgspec.Struct, frozen=True, kw_only=True):
    """A header of a mail, unchanged."""

    name: str
    value: str


class ParkedMailView(msgspec.Struct, frozen=True, kw_only=True):
    """One parked mail with its content. `not_retryable` says why another attempt cannot help; it is
    empty if one can. `failure` is the text of the error that parked it, empty if none did.
    """

    key: str
    reason: str
    rule: str
    evidence: tuple[str, ...]
    failure: str = ""
    process_title: str
    mailbox: str
    author: str
    subject: str
    since: datetime
    text: str
    files: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    today: str = ""
    not_retryable: str = ""
    original_href: str | None = None


class MailboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """A mailbox; `state` is a key of the texts' `states`. `answer` and `test_answer` are texts of
    the mail server, in its language; empty without one.
    """

    name: str
    address: str
    state: str
    process_title: str
    server: str
    folder: str
    last_success: datetime | None = None
    waiting: int | None = None
    oldest: datetime | None = None
    failure: str | None = None
    answer: str = ""
    settings: tuple[HeaderLine, ...] = ()
    test_result: str = ""
    test_answer: str = ""
    test_passed: bool | None = None


class MailboxesView(msgspec.Struct, frozen=True, kw_only=True):
    """All mailboxes."""

    rows: tuple[MailboxRow, ...]


class FlowNode(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the pipeline; `waiting` is its queue's depth, `rate` messages per minute.

    Values are None if a node does not have them, or if they could not be measured.
    """

    name: str
    waiting: int | None = None
    rate: float | None = None
    oldest: datetime | None = None
    consumers: int | None = None


class HourOutcomes(msgspec.Struct, frozen=True, kw_only=True):
    """The outcomes of the mails recorded in one hour."""

    hour: datetime
    opened: int = 0
    appended: int = 0
    ignored: int = 0
    parked: int = 0


class FlowView(msgspec.Struct, frozen=True, kw_only=True):
    """The current state of the pipeline, and the last 24 hours, oldest first."""

    nodes: tuple[FlowNode, ...]
    hours: tuple[HourOutcomes, ...] = ()

    @property
    def peak(self) -> int:
        """The largest number of mails in an hour, at least 1: the scale of the chart."""
        sums = [hour.opened + hour.appended + hour.ignored + hour.parked for hour in self.hours]
        return max([1, *sums])

    def node(self, name: str) -> FlowNode:
        """The node with that name; an empty one if it was not measured."""
        return next((node for node in self.nodes if node.name == name), FlowNode(name=name))
