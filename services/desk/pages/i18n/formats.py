"""Formats dates, times and numbers for a language. Pure."""

from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal

_THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
_NO_BREAK = "\N{NO-BREAK SPACE}"
_MONTHS = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December"),
    "pl": ("stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia",
           "września", "października", "listopada", "grudnia"),
}  # fmt: skip
_SHORT_MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "pl": ("sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"),
}
_UNITS = ("B", "kB", "MB", "GB")
_THOUSANDS = {"en": ",", "pl": _THIN_SPACE}
_POINT = {"en": ".", "pl": ","}


class Formats:
    """The formats of one language; `zone` is the reader's time zone, `now` an aware time."""

    def __init__(self, language: str, zone: tzinfo, now: datetime) -> None:
        self._language = language
        self._zone = zone
        self._now = now.astimezone(zone)

    @property
    def day(self) -> tuple[str, str, date]:
        """What all formats depend on besides their values, except for `age`."""
        return self._language, str(self._zone), self._now.date()

    def short_time(self, at: datetime) -> str:
        """`14:05` today, `28 Nov` in this year, else `28 Nov 2025`."""
        local = at.astimezone(self._zone)
        if local.date() == self._now.date():
            return _clock(local)
        return self.short_date(at)

    def short_date(self, at: datetime) -> str:
        """`28 Nov`, with the year if it is not the current one."""
        local = at.astimezone(self._zone)
        day = f"{local.day}{_NO_BREAK}{_SHORT_MONTHS[self._language][local.month - 1]}"
        return day if local.year == self._now.year else f"{day}{_NO_BREAK}{local.year}"

    def full_time(self, at: datetime) -> str:
        """`28 November 2026, 14:05`."""
        local = at.astimezone(self._zone)
        return (
            f"{local.day} {_MONTHS[self._language][local.month - 1]} {local.year}, {_clock(local)}"
        )

    def clock_time(self, at: datetime) -> str:
        """`14:05`."""
        return _clock(at.astimezone(self._zone))

    def input_time(self, at: datetime | None) -> str:
        """The value of `<input type=datetime-local>` (HTML, 2.3.5.5), empty for None."""
        return f"{at.astimezone(self._zone):%Y-%m-%dT%H:%M}" if at else ""

    def age(self, at: datetime) -> str:
        """The time since `at` in its largest unit: `45 s`, `12 min`, `3 h`, `5 d`."""
        return duration(self._now - at)

    def number(self, value: float | Decimal) -> str:
        """A number with grouped thousands, and one decimal unless it is a whole number."""
        text = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}".removesuffix(".0")
        swapped = text.replace(",", "\0").replace(".", _POINT[self._language])
        return swapped.replace("\0", _THOUSANDS[self._language])

    def field(self, value: str, kind: str) -> str:
        """A field's value of that type, from its normal form. A value in another form is returned
        unchanged.
        """
        try:
            match kind:
                case "date":
                    day = date.fromisoformat(value)
                    return f"{day.day} {_MONTHS[self._language][day.month - 1]} {day.year}"
                case "money":
                    amount, _, currency = value.partition(" ")
                    text = f"{Decimal(amount):,.2f}".replace(",", "\0")
                    text = text.replace(".", _POINT[self._language])
                    text = text.replace("\0", _THOUSANDS[self._language])
                    return f"{text}{_NO_BREAK}{currency}".rstrip()
                case "iban":
                    return " ".join(value[at : at + 4] for at in range(0, len(value), 4))
        except (ValueError, ArithmeticError):
            return value
        return value

    def size(self, size: int) -> str:
        """A size in bytes as `812 B`, `1.4 MB`; a kB has 1,000 bytes (IEC 80000-13)."""
        value, unit = float(size), 0
        while value >= 1000 and unit < len(_UNITS) - 1:
            value, unit = value / 1000, unit + 1
        shown: int | float = round(value) if value >= 100 or unit == 0 else round(value, 1)
        return f"{self.number(shown)}{_NO_BREAK}{_UNITS[unit]}"


def _clock(local: datetime) -> str:
    return f"{local.hour:02}:{local.minute:02}"


def duration(span: timedelta) -> str:
    """A time span in its largest unit; a negative one is shown as 0 s."""
    seconds = max(0, int(span.total_seconds()))
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length}{_NO_BREAK}{unit}"
    return f"{seconds}{_NO_BREAK}s"
