"""Counters, leases and states through which replicas coordinate."""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `counters`: the last number that was assigned; `case` counts the cases."""

    COLLECTION: ClassVar[str] = "counters"

    id: str = msgspec.field(name="_id")
    value: int


class SweepPosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far a blob sweep has come: all ids up to `after` in the files, or after those in the
    chunks.
    """

    looking_at: Literal["files", "chunks"]
    after: str


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `leases`: the right of one replica to do periodic work, such as the blob sweep.

    `holder` is empty until the lease is first taken. The work is due again at `next_at`. `place` is
    None in documents of earlier versions.
    """

    COLLECTION: ClassVar[str] = "leases"

    id: str = msgspec.field(name="_id")
    holder: str
    expires_at: datetime
    next_at: datetime
    place: SweepPosition | None = None


class MailboxLease(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `mailbox_leases`: which fetcher reads the mailbox `id`, and until when by the
    database's clock.

    `holder` is None while no fetcher has the lease.
    """

    COLLECTION: ClassVar[str] = "mailbox_leases"

    id: str = msgspec.field(name="_id")
    holder: str | None
    until: datetime


class MailboxState(msgspec.Struct, frozen=True, kw_only=True):
    """Collection `mailbox_states`: what the fetcher that reads mailbox `id` last reported, at `at`.

    `reader` is that fetcher's host. `waiting` counts mails that are listed but not recorded yet;
    `oldest_at` is the time of the oldest, None if there are none. `failure` says why the last
    session failed, None if it did not; `hint` says how to fix it. `problem` is the same as a
    `MailboxProblem`, and `answer` the mail server's own text in it; both may be empty.
    """

    COLLECTION: ClassVar[str] = "mailbox_states"

    id: str = msgspec.field(name="_id")
    at: datetime
    reader: str
    waiting: int
    oldest_at: datetime | None
    last_success_at: datetime | None
    failure: str | None
    hint: str = ""
    problem: str = ""
    answer: str = ""
