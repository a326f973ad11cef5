"""A batch is the messages that arrive together. It is written in groups. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.cases import Command
from schemas.mails import RawMail
from services.case_writer.placement.plan import Plan
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.recording.documents import Documents

# Of mail in one transaction, as much as a batch brings. Groups that are half as large overlap more,
# but need more transactions.
GROUP_BYTES = 8 * 1024 * 1024
# What a large mail counts: a group has its texts in memory, but neither the mail nor its files.
REFERENCED_MAIL_BYTES = GROUP_BYTES // 8


@dataclass(frozen=True)
class ReceivedCommand:
    """A command. `redelivered` is true if the broker reports an earlier delivery."""

    command: Command
    redelivered: bool

    @property
    def mail(self) -> RawMail:
        return self.command.mail


@dataclass(frozen=True)
class WrittenBatch:
    """What one transaction wrote: a whole group, or one mail of it."""

    group: Sequence[ReceivedCommand]
    snapshot: Snapshot
    plan: Plan
    documents: Documents


def groups(received: Sequence[ReceivedCommand]) -> Iterator[Sequence[ReceivedCommand]]:
    """Split a batch so that the mails of each group have at most GROUP_BYTES together, of which a
    mail in the blob store counts at most REFERENCED_MAIL_BYTES.
    """
    group: list[ReceivedCommand] = []
    size = 0
    for command in received:
        weight = _weight(command.mail)
        if group and size + weight > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(command)
        size += weight
    if group:
        yield group


def _weight(mail: RawMail) -> int:
    return mail.size if mail.raw is not None else min(mail.size, REFERENCED_MAIL_BYTES)


def retried(group: Sequence[ReceivedCommand]) -> list[ReceivedCommand]:
    """The same group, marked as delivered again.

    After an unclear commit, the mails may be written, but nothing was published about them.
    """
    return [replace(received, redelivered=True) for received in group]
