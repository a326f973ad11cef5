"""The batches of the case writer: the messages that arrive together, and the groups of them that
are written together. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.cases import Command
from schemas.mails import RawMail
from services.case_writer.placement.plan import Plan
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.recording.documents import Documents

# Of mail in one transaction, so that a batch of large mails fits in memory
GROUP_BYTES = 16 * 1024 * 1024
ISOLATE_AFTER_DELIVERIES = 5  # after so many deliveries a mail is read in a process of its own


@dataclass(frozen=True)
class ReceivedCommand:
    """A command. According to the broker, `redelivered` is whether it was delivered before, and
    `attempts` how often.
    """

    command: Command
    redelivered: bool
    attempts: int = 1

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
    """Split a batch so that the mails of each group have at most GROUP_BYTES together; a larger
    mail goes alone.
    """
    group: list[ReceivedCommand] = []
    size = 0
    for command in received:
        if group and size + command.mail.size > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(command)
        size += command.mail.size
    if group:
        yield group


def retried(group: Sequence[ReceivedCommand]) -> list[ReceivedCommand]:
    """The group as if delivered again.

    An unclear commit may have written the mails, and nothing was published about them.
    """
    return [replace(received, redelivered=True) for received in group]


def suspects(group: Sequence[ReceivedCommand]) -> frozenset[str]:
    """The keys of mails that may have killed earlier writers. After an outage the count is high as
    well, but reading in isolation does no harm.
    """
    return frozenset(
        received.mail.key for received in group if received.attempts > ISOLATE_AFTER_DELIVERIES
    )
