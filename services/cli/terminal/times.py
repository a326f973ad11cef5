"""Times for people, in the zone of this machine."""

from datetime import UTC, datetime


def local_time(when: datetime) -> str:
    """A time in the zone of this machine, to the minute."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M")


def short_time(when: datetime) -> str:
    """As `local_time`, without the year if it is the current one, else without the time."""
    local, now = when.astimezone(), datetime.now(UTC).astimezone()
    return local.strftime("%m-%d %H:%M" if local.year == now.year else "%Y-%m-%d")
