"""A batch is the messages that arrive together. It is written in groups. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.cases import Command
from schemas.mails import RawMail
from services.case_writer.placement.plan import Plan
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.recording.documents import Documents

# Of mail in one transaction. One group is prepared while another is written, so that smaller groups
# overlap more, and larger ones need fewer transactions.
GROUP_BYTES = 4 * 1024 * 1024


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
