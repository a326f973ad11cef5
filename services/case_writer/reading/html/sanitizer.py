"""Makes the HTML of a mail safe to show. nh3 applies the allow-list that is defined here.

Nothing in the result loads anything from the network: pictures of the mail itself keep their `cid:`
address. The addresses of remote pictures move to `data-remote-src`, for readers who want to load
them, and the pictures are counted.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

import nh3

from services.case_writer.reading.html.literal_text import LITERAL_TAGS, with_literal_text
from services.case_writer.reading.html.normalizer import needs_normalizing, normalize
from services.runtime.mail.words import unbase64

_TAGS = {
    "a", "abbr", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center",
    "cite", "code", "col", "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font",
    "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main", "mark",
    "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
_WITHOUT_CONTENT = {"script", "style", "title", "template", "iframe"}
_ATTRIBUTES = {
    "*": {"align", "bgcolor", "dir", "lang", "style", "title", "valign"},
    "a": {"href"},
    "blockquote": {"type"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
    "font": {"color", "face", "size"},
    "img": {"alt", "height", "src", "width"},
    "li": {"value"},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing", "width"},
    "td": {"colspan", "height", "rowspan", "width"},
    "th": {"colspan", "height", "rowspan", "width"},
    "ul": {"type"},
}
# No property that positions, floats, layers, animates, or sets sizes or margins: the style must not
# affect anything outside the mail's box.
_STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-right",
    "border-spacing", "border-style", "border-top", "border-width", "color", "direction", "font", "font-family",
    "font-size", "font-style", "font-variant", "font-weight", "padding", "padding-bottom", "padding-left",
    "padding-right", "padding-top", "text-align", "text-decoration", "text-transform", "vertical-align", "white-space",
}  # fmt: skip

# A reader sees the words in these elements, which are not allowed: they become one that is. Else a
# parser drops the words of forms, drawings, formulas and frames, and joins the words around others.
_SHOWN_AS = {
    "div": "select|svg|object|noembed|noframes|frameset|frame|noscript|textarea|option|optgroup|fieldset|legend|details"
    "|summary|dialog|nav|form|hgroup|search|foreignobject|button",
    "br": "input",
    "span": "math|text|tspan|textpath|g|desc|mi|mn|mo|ms|mtext|mrow|mfrac|msup|msub|msubsup|msqrt|mroot|mover|munder"
    "|munderover|mtable|mtr|mtd|mstyle|mpadded|mfenced|semantics",
    "pre": "xmp|listing",
    "ul": "menu|dir",
}
_SHOWN_TAGS = {name: tag for tag, names in _SHOWN_AS.items() for name in names.split("|")}
_SHOWN_INITIALS = "".join({name[0] for name in _SHOWN_TAGS})
# the initials are a set of signs, which is compared much faster than all names
_SHOWN = re.compile(rf"<(/?)(?=[{_SHOWN_INITIALS}{_SHOWN_INITIALS.upper()}])([a-zA-Z]++)(?=[\s/>])")


_NAME = re.compile(rf"</?(?=[{_SHOWN_INITIALS}{_SHOWN_INITIALS.upper()}])([a-zA-Z]++)(?=[\s/>])")
_REPLACED_TAGS = LITERAL_TAGS | _SHOWN_TAGS.keys()
_DRAWINGS = frozenset({"svg", "math"})
_MAY_BE_SELF_CLOSED = frozenset({"script", "style", "title"})  # in drawings
_MAX_TAG_CHARS = 1000


def _has_any_tag(html: str, names: Collection[str]) -> bool:
    """Whether one of the tags that `_SHOWN` finds has one of these names. Most mails have none, and
    calling a function for each tag takes several times as long as listing their names.
    """
    return not {name.lower() for name in set(_NAME.findall(html))}.isdisjoint(names)


class _Shown:
    """Replaces the name of one tag after the other."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._is_in_drawing = False
        self.has_literal_text = False

    def __call__(self, tag: re.Match[str]) -> str:
        name = tag[2].lower()
        if name in _DRAWINGS:
            self._is_in_drawing = not tag[1]
        shown = _SHOWN_TAGS.get(name)
        self.has_literal_text |= name in LITERAL_TAGS
        if self._is_in_drawing and name in _MAY_BE_SELF_CLOSED and self._is_self_closed(tag):
            shown = "span"  # outside of drawings, `<title/>` would take in the rest of the mail
        return f"<{tag[1]}{shown}" if shown else tag[0]

    def _is_self_closed(self, tag: re.Match[str]) -> bool:
        end = self._html.find(">", tag.end(), tag.end() + _MAX_TAG_CHARS)
        return end > 0 and self._html[end - 1] == "/"


def _with_shown_words(html: str) -> str:
    if not _has_any_tag(html, _REPLACED_TAGS):
        return html
    shown = _Shown(html)
    replaced = _SHOWN.sub(shown, html)
    if shown.has_literal_text:
        html = with_literal_text(html)
        replaced = _SHOWN.sub(_Shown(html), html)
    return replaced


_QUOTE_CLASS = "gmail_quote"


def _absolute(url: str) -> str | None:
    """An absolute address: `//host/picture` is remote. Anything else without a scheme would point
    into the page that shows the mail.
    """
    return f"https:{url}" if url.startswith("//") else None


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_WITHOUT_CONTENT,
    attributes=_ATTRIBUTES,
    filter_style_properties=_STYLES,
    allowed_classes={"blockquote": {_QUOTE_CLASS}},
    url_schemes={"http", "https", "mailto", "tel", "cid"},
    url_relative=_absolute,
    link_rel="noopener noreferrer nofollow",
)

# In nh3's output each attribute is quoted with `"`, and quotes within are escaped.
_IMAGE_SOURCE = re.compile(r'(<img(?: [a-z-]+="[^"]*+")*? )src="(?!cid:)')
_STYLE = re.compile(r'(<[a-z0-9]+(?: [a-z-]+="[^"]*+")*?) style="([^"]*+)"')
_STYLE_WITH_CALL = re.compile(r' style="[^"(]*+\(')
_CALL = re.compile(r"([a-z-]*+)\s*+\(")
_HARMLESS_CALLS = {"rgb", "rgba", "hsl", "hsla", "calc", "min", "max", "clamp", "var"}
_CONTENT_ID = re.compile(r"""\bcid:([^"'<>\s)]{1,300})""", re.IGNORECASE)
_DATA_PICTURE = re.compile(
    r"""(\bsrc\s{0,9}=\s{0,9}["']?)data:image/(png|jpe?g|gif|webp|bmp)\s{0,9};\s{0,9}base64,([A-Za-z0-9+/=\s]++)""",
    re.IGNORECASE,
)
_MAX_DATA_PICTURES = 100


class Picture(NamedTuple):
    """A picture that was inside the HTML (RFC 2397). The HTML now refers to it by `content_id`."""

    content_id: str
    content_type: str
    content: bytes


def sanitize(html: str) -> tuple[str, int, bool]:
    """HTML that is safe to show in a box of a page.

    Also returns how many remote pictures it would load, and whether it had to be normalized.
    """
    html = _with_shown_words(html)
    normalized = needs_normalizing(html)
    safe = _CLEANER.clean(normalize(html) if normalized else html)
    if "\\" in safe or ("(" in safe and _STYLE_WITH_CALL.search(safe)):
        safe = _STYLE.sub(lambda match: match[1] if _reaches_out(match[2]) else match[0], safe)
    pieces = _IMAGE_SOURCE.split(safe)  # text, the characters before a `src`, text …
    safe = 'data-remote-src="'.join(
        [*map("".join, zip(pieces[0:-1:2], pieces[1::2], strict=True)), pieces[-1]]
    )
    return safe, len(pieces) // 2, normalized


def content_ids(html: str) -> set[str]:
    """The Content-IDs that HTML refers to with `cid:` (RFC 2392), without angle brackets."""
    return set(_CONTENT_ID.findall(html)) if "cid:" in html else set()


def lift_pictures(html: str, count: int) -> tuple[str, list[Picture]]:
    """The HTML with `cid:` addresses in place of its `data:` pictures, and these pictures. `count`
    is how many were lifted before.
    """
    if "data:image/" not in html:
        return html, []
    pictures: list[Picture] = []

    def lift(match: re.Match[str]) -> str:
        number = count + len(pictures) + 1
        if number > _MAX_DATA_PICTURES:
            return match[1]
        kind = match[2].lower().replace("jpg", "jpeg")
        pictures.append(
            Picture(f"data-{number}", f"image/{kind}", unbase64(match[3].encode("ascii")))
        )
        return f"{match[1]}cid:{pictures[-1].content_id}"

    return _DATA_PICTURE.sub(lift, html), pictures


def _reaches_out(style: str) -> bool:
    """Whether a style might load or run something: nh3 checks the names of properties, not their
    values.
    """
    return "\\" in style or not _HARMLESS_CALLS.issuperset(_CALL.findall(style.lower()))
