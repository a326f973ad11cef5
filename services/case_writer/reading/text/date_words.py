"""Recognizes the words of dates and times in the lines with which programs introduce quotes."""

# ruff: noqa: RUF001 - signs and words of other scripts

from services.case_writer.reading.text.quote_markers import CALENDAR_STEMS, CALENDAR_WORDS

_MAX_CALENDAR_CHARS = 15
_DAYS = 31
_NAME_CHARS = (4, 5)  # shorter words are abbreviations
_ZONES = ("gmt+", "gmt-", "utc+", "utc-")
_CALENDAR_ENDS = (
    "day", "uary", "ember", "ober", "ugust", "april", "ch", "tag", "woch", "uar", "bre", "bro", "obre",
    "ier", "llet", "di", "manche", "nes", "les", "ves", "nes", "ado", "ngo", "bato", "nedì",
    "tedì", "oledì", "gunda", "erça", "uarta", "uinta", "exta", "vedì", "erdì", "ledì", "enica",
    "feira", "eiro", "ubro", "julho", "junho", "agosto", "março", "julio", "junio", "enero",
    "brero", "marzo", "abril", "aprile", "maggio", "giugno", "luglio", "naio", "braio", "dag",
    "uari", "ugustus", "ziałek", "torek", "roda", "artek", "iątek", "obota", "ziela", "nia",
    "ada", "rca", "tego", "tnia", "maja", "erwca", "ipca", "ika", "dnia", "topada", "ziernika",
    "sti", "dělí", "terý", "ředa", "tvrtek", "pátek", "neděle", "dna", "ora", "ezna", "ubna",
    "větna", "ervna", "ervence", "rpna", "íjna", "padu", "osince", "ník", "ьник", "орник",
    "реда", "верг", "ница", "бота", "енье", "аря", "аля", "рта", "реля", "июня", "июля",
    "густа", "бря", "ілок", "торок", "ереда", "твер", "ятниця", "убота", "іля", "чня", "того",
    "езня", "ітня", "авня", "рвня", "пня", "есня", "втня", "пада", "рудня", "augusti", "onsdag",
    "augusztus",
)  # fmt: skip


def kind_of_number(word: str) -> str:
    """The kind of a word with digits: `d` a day or date, `y` a date with a year, `t` a time, `z` a
    time zone; "" for anything else.
    """
    digits = "".join(sign if sign.isdecimal() else " " for sign in word).split()
    letters = "".join(sign for sign in word if sign.isalpha()).lower()
    if word[0] in "+-":
        return "z" if len(digits) <= 2 and len(digits[0]) in (1, 2, 4) else ""
    if letters and (
        len(letters) > 2
        or letters not in ("am", "pm", "th", "st", "nd", "rd", "h", "г", "р", "t", "z")
    ):
        return _cjk_date(word)
    if len(digits) == 1:
        if len(digits[0]) == 4 and digits[0][:2] in ("19", "20"):
            return "yd"
        if len(digits[0]) <= 2:
            return "t" if letters in ("am", "pm", "h") else "d" if int(digits[0]) <= _DAYS else ""
        return ""
    if ":" in word or letters in ("am", "pm", "h"):
        kind = "t" if all(len(part) <= 2 for part in digits[-2:]) else ""
        return (
            f"{kind}yd"
            if len(digits) >= 5 and len(digits[0]) == 4
            else kind
            if len(digits) <= 3
            else ""
        )
    if len(digits) == 2 and "." in word and len(digits[1]) == 2:
        return "td"  # 10.11, a time in Danish notation
    if len(digits) == 3 and max(map(len, digits)) <= 4 and any(sign in word for sign in "./-"):
        return "yd" if len(digits[0]) in (2, 4) or len(digits[2]) in (2, 4) else ""
    return "d" if len(digits) == 2 and all(len(part) <= 2 for part in digits) else ""


def _cjk_date(word: str) -> str:
    return (
        ("y" if "年" in word else "") + "d" if any(sign in word for sign in "年月日년월일") else ""
    )


def is_calendar_word(low: str) -> bool:
    """Whether a word in lower case is a weekday, a month or a time zone."""
    if low in CALENDAR_WORDS or low.startswith(_ZONES) or low.endswith("kuuta"):
        return True
    return low[:3] in CALENDAR_STEMS and len(low) <= _MAX_CALENDAR_CHARS and _is_month_or_day(low)


def may_be_name(word: str) -> bool:
    """Whether a calendar word may also be a name, such as Marta, Julia or Desk, which only begin
    like a month or a weekday. After a year or a time, or in front of a date, it is a name.
    """
    low = word.lower()
    return (
        len(word) in _NAME_CHARS
        and word.istitle()
        and low not in CALENDAR_WORDS
        and not low.startswith(_ZONES)
        and not low.endswith(_CALENDAR_ENDS)
    )


def _is_month_or_day(low: str) -> bool:
    """Whether a word is a month or a weekday. Names such as Martin or Julia begin like months, but
    end differently from their full names.
    """
    return len(low) <= 5 or low.endswith(_CALENDAR_ENDS)
