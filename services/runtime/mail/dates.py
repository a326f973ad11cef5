"""Parses the date of a mail (RFC 5322 section 3.3). Pure; never raises."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

# Obsolete forms, which programs still write, are left to the standard library.
_DATE = re.compile(
    r"(?:[A-Za-z]{3},? +)?(\d{1,2}) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d)(?::(\d\d))? ([+-])(\d\d)(\d\d)(?: *\(.*)?$"
)
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: month for month, name in enumerate(_MONTH_NAMES, 1)}
_DAY_S = 24 * 60 * 60
_OLDEST_YEAR = 1970  # an older date comes from a clock that was never set


def parse_date(text: str) -> datetime | None:
    """A mail's date as aware UTC, to the second; None if the text is not a date. Without a zone,
    UTC is assumed.
    """
    match = _DATE.match(text)
    if match is None or match[2].lower() not in _MONTHS:
        return _odd_date(text)
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    offset = (int(zone_hours) * 60 + int(zone_minutes)) * (-60 if sign == "-" else 60)
    clock = (
        int(year),
        _MONTHS[month.lower()],
        int(day),
        int(hour),
        int(minute),
        min(int(second or 0), 59),
    )
    return _utc(clock, offset)


def _odd_date(text: str) -> datetime | None:
    text = text[:200]
    try:
        return _bounded(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    try:
        parsed = parsedate_tz(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None  # Python's versions differ in how they handle odd words
    if parsed is None:
        return None
    year, month, day, hour, minute, second = parsed[:6]
    return _utc((year, month, day, hour, minute, min(second, 59)), parsed[9] or 0)


def _utc(clock: tuple[int, int, int, int, int, int], offset_s: int) -> datetime | None:
    try:
        utc = datetime(*clock, tzinfo=UTC) - timedelta(seconds=offset_s)
    except (ValueError, OverflowError):
        return None
    return utc if utc.year >= _OLDEST_YEAR and abs(offset_s) < _DAY_S else None


def _bounded(when: datetime) -> datetime | None:
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    utc = aware.astimezone(UTC).replace(microsecond=0)
    return utc if utc.year >= _OLDEST_YEAR else None
