"""Recognizes the line that a program on a phone, or another, adds below a text."""

from services.case_writer.reading.text.devices.words import (
    DEVICE_APOLOGIES,
    DEVICE_FRAMES,
    DEVICE_NAMES,
    DEVICE_OFFERS,
    DEVICE_OTHERS,
    DEVICE_PRODUCTS,
    DEVICE_STARTS,
    DEVICE_THINGS,
)

_MAX_DEVICE_CHARS = 90
_MAX_DEVICE_WORDS = 12
_OFFERED = ("outlook", "mail")
_FOR = frozenset(
    {"for", "für", "dla", "pour", "para", "per", "voor", "pro", "pre", "til", "till", "för"}
)
_NEEDS_SENT = ("von meinem", "von meiner")
_SENT = (["gesendet"], ["geschickt"], ["versendet"], ["gesendet."])
_SYSTEMS = frozenset({"ios", "android", "androida", "androidu", "mac", "windows", "iphone"})
_FETCHED = frozenset({"herunterladen", "beziehen", "holen", "downloaden", "hämta", "hente"})
_ENDS = ("gesendet", "küldve")
_AS_BLANKS = "\xa0\u2013\u2014"
_SIGNS = ".,;:()!"
_LAST_LETTER = "\u2e7f"  # letters beyond it belong to languages without spaces, and to Korean
# Products whose models have numbers: `iPhone 17 Pro`, `Windows 11`.
_NUMBERED = frozenset(
    {"iphone", "ipad", "pixel", "galaxy", "redmi", "xperia", "windows", "blackberry"}
)
_MODEL_DIGITS = 2
_NO_NAMES: frozenset[str] = frozenset()
_DEVICE_FIRST_WORDS = frozenset(start.split()[0] for start in DEVICE_STARTS)


def is_device_line(line: str) -> bool:
    """Whether a program added the line: `Sent from my iPhone`, `Wysłane z iPhone'a`, `Get Outlook
    for iOS`.

    Every word must be known, and one must be a product, so that sentences that only begin like this
    do not match.
    """
    names = DEVICE_NAMES if "mail" in line.lower() else _NO_NAMES
    line = _without_links(line)
    if not line or len(line) > _MAX_DEVICE_CHARS:
        return False
    low = _bare(line.lower())
    if low[-1:] > _LAST_LETTER or low[:1] > _LAST_LETTER:
        return _is_framed(low)
    first, _, _ = low.partition(" ")
    if first not in _DEVICE_FIRST_WORDS and first != "outlook" and not low.endswith(_ENDS):
        return False  # as nearly all lines
    has_things = first not in DEVICE_OFFERS
    if not has_things and not (
        any(name in low for name in _OFFERED) and not _SYSTEMS.isdisjoint(low.split())
    ):
        return False
    if first in _DEVICE_FIRST_WORDS:
        start = max(
            (start for start in DEVICE_STARTS if low.startswith(f"{start} ")), key=len, default=""
        )
        rest = low[len(start) :].split()
        if start in _NEEDS_SENT and rest[-1:] not in _SENT:
            return False  # `Von meinem Handy` may answer a question
        if start and _is_product(rest, has_things=has_things, names=names):
            return True
    words = low.split()
    if first == "outlook":  # `Outlook für Android herunterladen`
        is_offer = len(words) in (3, 4) and words[1] in _FOR and _FETCHED.issuperset(words[3:])
        return is_offer and _is_product(words[2:3], has_things=False)
    if words[-1:] == ["gesendet"]:
        return words[0] in ("von", "vom") and _is_product(words[1:-1], has_things=True)
    return words[-1:] == ["küldve"] and _is_product(words[:-1], has_things=False)


def _bare(low: str) -> str:
    """The line without the signs around it and the sentence that asks to excuse errors."""
    for sign in _AS_BLANKS:
        low = low.replace(sign, " ")
    low = low.strip(" .-*_|")
    head, stop, tail = low.partition(". ")
    is_apology = stop and all(word.strip(_SIGNS) in DEVICE_APOLOGIES for word in tail.split())
    return head if is_apology else low


def is_link_to_device(line: str, above: str) -> bool:
    """Whether the line is only a link, to the product that the line of a device above it names."""
    if not line.startswith(("http://", "https://", "<http")) or not is_device_line(above):
        return False
    known = DEVICE_PRODUCTS | DEVICE_NAMES
    products = known.intersection(word.strip(_SIGNS) for word in above.lower().split())
    return " " not in line and any(product in line.lower() for product in products)


def _is_framed(low: str) -> bool:
    """Whether a line of a language without spaces names a product: `iPhoneから送信`."""
    for before, behind in DEVICE_FRAMES:
        if low.startswith(before) and low.endswith(behind) and len(low) > len(before + behind):
            product = low[len(before) : len(low) - len(behind)]
            if _is_product(product.split(), has_things=False):
                return True
    return False


def _without_links(line: str) -> str:
    if "<" not in line and "http" not in line:
        return " ".join(line.split())
    line = line.replace("](http", "] (http").replace("[http", "(http")
    line = line.replace("[", " ").replace("]", " ")  # `[Proton Mail](https://proton.me/)`
    start = line.find("<")
    if start > 0 and (end := line.find(">", start)) > 0:
        line = f"{line[:start]} {line[end + 1 :]}"
    return " ".join(
        word for word in line.split() if not word.startswith(("http://", "https://", "(http"))
    )


def _is_product(words: list[str], *, has_things: bool, names: frozenset[str] = _NO_NAMES) -> bool:
    """Whether all words are known, and one of them is a product, one of `names`, or, if
    `has_things`, a thing such as `phone`.
    """
    if not words or len(words) > _MAX_DEVICE_WORDS:
        return False
    has_product = False
    words = [_known_part(word.strip(_SIGNS)) for word in words]
    for index, bare in enumerate(words):
        if bare in DEVICE_PRODUCTS or bare in names or (has_things and bare in DEVICE_THINGS):
            has_product = True
        elif bare in DEVICE_OTHERS or not bare:
            continue
        elif not (has_product and _is_model(bare)) and not (
            bare.isdecimal() and len(bare) <= _MODEL_DIGITS and words[index - 1] in _NUMBERED
        ):
            return False
    return has_product


def _known_part(bare: str) -> str:
    """The `outlook` of `d'outlook`, the `samsung` of `samsung-smartphone`; else the word itself."""
    bare = bare.removeprefix("d'").removeprefix("d\u2019")
    parts = bare.split("-")
    if len(parts) > 1 and all(part in DEVICE_PRODUCTS | DEVICE_THINGS for part in parts):
        return parts[0]
    return bare


def _is_model(word: str) -> bool:
    """`S21`, `A52`: a letter and digits."""
    return len(word) <= 4 and word[0].isalpha() and word[0].isascii() and word[1:].isdigit()
