"""Recognizes attributions in languages whose word order or script differs from the others':
`Anna <anna@x.example> 于2026年11月23日 10:11写道`.

The words around the address, the date and the name must be those of the program.
"""

# ruff: noqa: RUF001 - signs and words of other scripts

from typing import NamedTuple

_MIN_DIGITS = 5  # of a date with a time
_AROUND = " \u3000,，、;:：\"'„”“«»<>()（）[]."
_ADDRESS_ENDS = " <>()«»[],;、，"
_EDGES = ",;:.()\"'"
# Apart from the signs of a date, only a name is before the address.
_DATE_SIGNS = (
    "年月日周週星期上下午前後后一二三四五六七八九十天于於在火水木金土"
    "년월일오전후화수목금토 ,，、:：/-.()（）\"'[]"
)
_FIRST_DENSE_LETTER = "\u2e80"
_MAX_NAME_SIGNS = 5


class _Form(NamedTuple):
    """`starts` are how the text before the address begins, `middle` is part of it, `ends` are the
    whole text after it or its end. `glue` are the words of the program before the address; None for
    scripts without capital letters. `never` are what only a person writes before the address.
    """

    ends: tuple[str, ...]
    starts: tuple[str, ...] = ("",)
    middle: str = ""
    glue: frozenset[str] | None = None
    dated_end: tuple[str, ...] = ()  # how the text after the address begins, if the date is there
    never: str = ""
    is_dense: bool = False  # written without spaces, or with few


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FORMS = (
    _Form(
        ("写道", "寫道", "写到"),
        dated_end=("于", "於", "在"),
        never="我你您他她它們们贵貴的客户戶",
        is_dense=True,
    ),
    _Form(("のメール", "さんのメール", "のメッセージ"), never="私のはがを", is_dense=True),
    _Form(("님이 작성", "작성", "님이 작성했습니다"), never="제저희우리", is_dense=True),
    _Form(("",), ("בתאריך", "ב-"), "מאת"),
    _Form(("",), ("في",), "تمت كتابة ما يلي بواسطة"),
    _Form(("เขียนว่า",), ("ในวันที่", "เมื่อ"), "เวลา"),
    _Form(("έγραψε",), glue=_words("στις π.μ μ.μ ο η χρήστης την")),
    _Form(
        ("napisao je", "napisala je", "napisao/la je", "je napisao", "je napisao/la"),
        glue=_words(
            """u dana korisnik je sij velj ožu tra svi lip srp kol ruj lis stu pro pon uto sri čet pet
            sub ned"""
        ),
    ),
    _Form(
        ("rakstīja",),
        glue=_words(
            """g plkst lietotājs janv febr marts apr maijs jūn jūl aug sept okt nov dec pirmd otrd
            trešd ceturtd piektd sestd svētd"""
        ),
    ),
    _Form(
        ("је написао/ла", "је написао", "је написала"),
        glue=_words(
            "у пон уто сре чет пет суб нед јан феб мар апр мај јун јул авг сеп окт нов дец"
        ),
    ),
    _Form(
        ("va escriure",),
        glue=_words(
            "el a les de dl dt dc dj dv ds dg gen febr març abr maig juny jul ag set oct nov des"
        ),
    ),
    _Form(("đã viết",), ("vào",), glue=_words("vào lúc thg th")),
    _Form(("şunu yazdı", "şunları yazdı"), glue=_words("tarihinde")),
)


def is_foreign_attribution(line: str) -> bool:
    """Whether the line introduces a quote: an address, a date with a time, a name, and the words of
    a program.
    """
    if "@" not in line or sum(map(str.isdecimal, line)) < _MIN_DIGITS:
        return False
    before, after = _around_address(line)
    return any(_has_form(form, before, after) for form in _FORMS)


def _around_address(line: str) -> tuple[str, str]:
    start = end = line.rfind("@")  # the name may be an address, too
    while start > 0 and line[start - 1] not in _ADDRESS_ENDS:
        start -= 1
    while end < len(line) and line[end] not in _ADDRESS_ENDS:
        end += 1
    return line[:start].strip(_AROUND), line[end:].strip(_AROUND)


def _has_form(form: _Form, before: str, after: str) -> bool:
    low = before.lower()
    if form.is_dense and not is_short_name(low):
        return False
    if form.dated_end and after.startswith(form.dated_end):
        is_dated_behind = after.endswith(form.ends) and is_short_name(after)
        return is_dated_behind and not any(sign in low for sign in form.never)
    if after.lower() not in form.ends or not low.startswith(form.starts):
        return False
    if form.middle not in low or any(sign in low for sign in form.never):
        return False
    if sum(map(str.isdecimal, before)) < _MIN_DIGITS:
        return False
    if form.glue is None:
        return True
    words = [word.strip(_EDGES) for word in before.split()]
    return all(word.lower() in form.glue or "@" in word for word in words if word[:1].islower())


def is_short_name(text: str) -> bool:
    """Whether the text, apart from dates, has few letters of scripts without spaces: those of a
    name, not of a sentence.
    """
    dense = [sign for sign in text if sign >= _FIRST_DENSE_LETTER and sign not in _DATE_SIGNS]
    return len(dense) <= _MAX_NAME_SIGNS
