"""When a case that enters a stage is due. Pure."""

from collections.abc import Mapping
from datetime import datetime

from services.runtime.settings import Process, Stage
from services.runtime.settings.durations import duration


def due_at(stage: Stage | None, now: datetime) -> datetime | None:
    """When a case that enters `stage` now is due; None if the stage has no time limit."""
    return now + duration(stage.due_after) if stage is not None and stage.due_after else None


def due_at_stage(
    processes: Mapping[str, Process], process: str, stage: str, now: datetime
) -> datetime | None:
    """As `due_at`, by names; None if the settings do not have them."""
    known = processes.get(process)
    return due_at(known.stage(stage), now) if known is not None else None
