"""Parses durations in the settings. Pure."""

from datetime import timedelta

_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def duration(text: str) -> timedelta:
    """`30m`, `4h`, `2d` or `1w` as a timedelta. The settings have already checked the form."""
    return int(text[:-1]) * _UNITS[text[-1]]
