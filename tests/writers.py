"""Calls a case writer as its consumer does."""

from collections.abc import Sequence

from services.case_writer.batch import ReceivedCommand
from services.case_writer.service import CaseWriter
from services.runtime.errors import CommandRefusedError


async def handle(
    writer: CaseWriter, received: Sequence[ReceivedCommand]
) -> list[CommandRefusedError]:
    """Write and publish; returns the errors of the refused commands."""
    done = await writer.write(received)
    await writer.publish(done.written)
    return done.refused
