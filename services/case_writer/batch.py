"""A batch is the messages that arrive together. It is written in groups. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.cases import Command
from schemas.mails import RawMail
from services.case_writer.placement.plan import Plan
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.recording.documents import Documents

# of mail in one transaction, so that a batch of large mails fits in memory
GROUP_BYTES = 16 * 1024 * 1024
ISOLATE_AFTER_DELIVERIES = 5  # a mail that was delivered this often is read in a process of its own


@dataclass(frozen=True)
class ReceivedCommand:
    """A command. `redelivered` and `attempts` are what the broker reports: whether it was delivered
    before, and how often.
    """

    command: Command
    redelivered: bool
    attempts: int = 1

    @property
    def mail(self) -> RawMail:
        return self.command.mail

    @property
    def is_suspect(self) -> bool:
        """Whether the mail may have killed earlier writers. After an outage `attempts` is high as
        well, but reading in isolation does no harm.
        """
        return self.attempts > ISOLATE_AFTER_DELIVERIES


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
    """The same group, marked as delivered again.

    After an unclear commit, the mails may be written, but nothing was published about them.
    """
    return [replace(received, redelivered=True) for received in group]
