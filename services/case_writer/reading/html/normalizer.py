"""Rewrites HTML so that every HTML parser reads it in the same way and in linear time.

The parsers that sanitize and convert (html5ever, lexbor) follow the HTML standard, whose repair of
broken nesting is quadratic: 50,000 open `<li>` cost 28 s, a tag of 50,000 attributes 5 s, and every
paragraph creates each open `<b>` again. Large or suspicious HTML is therefore first reduced to a
small subset: known tags only, properly closed, with limited depth and few attributes; everything
else is escaped. What a person sees stays the same. This does not make HTML safe: the sanitizer runs
afterwards.
"""

import re
from collections.abc import Iterator
from html import unescape

_SMALL_CHARS = 150_000
_FEW_TAGS = 6000
_FEW_COPIES = 600_000  # elements that the repair of formatting may create, about 200 bytes each
_MANY_REFERENCES = 30_000
_MAX_DEPTH = 100
_MAX_ATTRIBUTES = 20
_MAX_VALUE_CHARS = 8000

_FORMATTING = "b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u"
_FORMATTING_INITIAL = re.compile("<[bceinfstuBCEINFSTU]")  # four times faster than the whole names
_FORMATTING_TAG = re.compile(rf"<(?:{_FORMATTING})[\s/>]", re.IGNORECASE)
# Comments end as the standard says; `<!…>` and `<?…>` are comments too. An unfinished comment
# extends to the end.
_TOKEN = re.compile(
    r"""<!--(?:-?>|(?:[^-]++|-(?!-!?>))*+(?:--!?>|-?$))
    | <(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]{0,40})
    | <[!?/][^>]*+(?:>|$)""",
    re.VERBOSE | re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"""[\s/]*+([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+)?))?"""
)
_BARE_AMPERSAND = re.compile(
    "&(?!(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
)
_TAG_END = re.compile(r"[\s/]*+>")

_VOID = frozenset({"br", "hr", "img", "wbr", "col"})
_KEPT = frozenset(_FORMATTING.split("|")) | _VOID | {
    "a", "abbr", "address", "article", "aside", "bdi", "bdo", "blockquote", "caption", "center", "cite", "colgroup",
    "dd", "del", "dfn", "div", "dl", "dt", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "ins", "kbd", "li", "main", "mark", "ol", "p", "pre", "q", "samp", "section", "span", "sub", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "var",
}  # fmt: skip
_INLINE = frozenset(_FORMATTING.split("|")) | {
    "a", "abbr", "bdi", "bdo", "cite", "del", "dfn", "ins", "kbd", "mark", "q", "samp", "span", "sub", "sup", "var",
}  # fmt: skip
_CONTENT_DROPPED = frozenset({"script", "style", "title", "template", "iframe"})
# The elements that a start tag closes, and within which parent: `<li>` closes the previous one of
# the same list.
_ENDS = {
    "li": (frozenset({"li"}), frozenset({"ul", "ol"})),
    "dt": (frozenset({"dt", "dd"}), frozenset({"dl"})),
    "dd": (frozenset({"dt", "dd"}), frozenset({"dl"})),
    "td": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "th": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "tr": (frozenset({"tr"}), frozenset({"table"})),
    **dict.fromkeys(
        ("tbody", "thead", "tfoot", "caption", "colgroup"),
        (frozenset({"tbody", "thead", "tfoot", "caption", "colgroup"}), frozenset({"table"})),
    ),
    "a": (frozenset({"a"}), frozenset({"table"})),
}
_INSIDE = {  # table tags are valid only in their places
    "td": frozenset({"tr"}),
    "th": frozenset({"tr"}),
    "tr": frozenset({"table", "tbody", "thead", "tfoot"}),
    **dict.fromkeys(("tbody", "thead", "tfoot", "caption", "colgroup"), frozenset({"table"})),
    "col": frozenset({"colgroup", "table"}),
}
_TABLE_FRAME = frozenset({"table", "tbody", "thead", "tfoot", "tr", "colgroup"})


def needs_normalizing(html: str) -> bool:
    """Whether parsing `html` might cost more than its length suggests. May be true for harmless
    HTML.
    """
    if len(html) > _SMALL_CHARS:
        return True
    tags = html.count("<")
    if tags > _FEW_TAGS:
        return True
    # In the worst case half of the tags are formatting, and each other tag creates all of these
    # again.
    if (
        tags * tags // 4 <= _FEW_COPIES
        or tags * len(_FORMATTING_INITIAL.findall(html)) <= _FEW_COPIES
    ):
        return False
    return tags * len(_FORMATTING_TAG.findall(html)) > _FEW_COPIES


def normalize(html: str) -> str:
    """`html` reduced to the subset described above, in time linear in its length."""
    return "".join(_Normalizer().pieces(html))


class _Normalizer:
    def __init__(self) -> None:
        self._open: list[str] = []
        self._references = 0

    def pieces(self, html: str) -> Iterator[str]:
        position = 0
        token = _TOKEN.search(html)
        while token is not None:
            if token.start() > position:
                yield from self._text(html[position : token.start()])
            position = token.end()
            name = (token["name"] or "").lower()
            if name:
                attributes, position = _attributes(html, position)
                if token["end"]:
                    yield from self._end(name)
                elif name in _CONTENT_DROPPED:
                    position = _after_content(html, name, position)
                elif name in _KEPT:
                    yield from self._start(name, attributes)
            token = _TOKEN.search(html, position)
        yield from self._text(html[position:])
        yield from self._close_to(0)

    def _text(self, text: str) -> Iterator[str]:
        if self._open and self._open[-1] in _TABLE_FRAME:
            text = text.strip()
            if text:  # text between cells; a parser would move it before the table
                yield from self._close_to(self._place(frozenset({"table"})))
        if text:
            yield _escaped(self._with_few_references(text))

    def _with_few_references(self, text: str) -> str:
        """Limit the references: a million `&amp;` in a row cost nh3 8 s. After many, references are
        resolved, and `&` becomes full-width.
        """
        self._references += text.count("&")
        return (
            unescape(text).replace("&", "\uff06") if self._references > _MANY_REFERENCES else text
        )

    def _start(self, name: str, attributes: str) -> Iterator[str]:
        if name in _ENDS:
            ended, scope = _ENDS[name]
            place = self._place(ended | scope)
            if place >= 0 and self._open[place] in ended:
                yield from self._close_to(place)
        elif (
            name not in _INLINE
            and name not in _VOID
            and (place := self._place(frozenset({"p"}))) >= 0
        ):
            yield from self._close_to(place)
        inside = _INSIDE.get(name)
        within_frame = bool(self._open) and self._open[-1] in _TABLE_FRAME
        if (inside and not (self._open and self._open[-1] in inside)) or (
            within_frame and not inside
        ):
            return
        if name in _VOID:
            yield f"<{name}{attributes}>"
        elif len(self._open) < _MAX_DEPTH:
            self._open.append(name)
            yield f"<{name}{attributes}>"

    def _end(self, name: str) -> Iterator[str]:
        place = self._place(frozenset({name}) if name == "table" else frozenset({name, "table"}))
        if place >= 0 and self._open[place] == name:
            yield from self._close_to(place)

    def _place(self, names: frozenset[str]) -> int:
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place] in names:
                return place
        return -1

    def _close_to(self, place: int) -> Iterator[str]:
        while len(self._open) > max(place, 0):
            yield f"</{self._open.pop()}>"


def _escaped(text: str) -> str:
    if "&" in text:
        text = _BARE_AMPERSAND.sub("&amp;", text)
    return text.replace("<", "&lt;").replace(">", "&gt;")


def _attributes(html: str, position: int) -> tuple[str, int]:
    """The first attributes of a tag, without duplicates, quoted and escaped, and the offset after
    the tag.
    """
    found: dict[str, str] = {}
    while (end := _TAG_END.match(html, position)) is None:
        match = _ATTRIBUTE.match(html, position)
        if match is None:
            return "", len(html)  # a tag that never ends
        position = match.end()
        name, *values = match.groups()
        if len(found) < _MAX_ATTRIBUTES and name.isascii() and name.replace("-", "").isalnum():
            value = next((value for value in values if value is not None), "")
            if len(value) <= _MAX_VALUE_CHARS:
                found.setdefault(name.lower(), _escaped(value).replace('"', "&quot;"))
    return "".join(f' {name}="{value}"' for name, value in found.items()), end.end()


def _after_content(html: str, name: str, position: int) -> int:
    end = re.compile(rf"</{name}[\s/>]", re.IGNORECASE).search(html, position)
    if end is None:
        return len(html)
    return html.find(">", end.start()) + 1 or len(html)
