"""HTML of a mail made safe to show, and turned to text. The allow-list is nh3's work; what a mail may keep is ours.

Nothing in the result loads from anywhere: pictures of the mail itself keep their `cid:` address, those of other places
lose it (`data-remote-src` holds it, for a reader who asks) and are counted.
"""

import re

import nh3
from resiliparse.extract.html2text import extract_plain_text

_TAGS = {
    "a", "abbr", "address", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code",
    "col", "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "h1", "h2",
    "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp",
    "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr",
    "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
_WITHOUT_CONTENT = {"script", "style", "title", "template", "iframe", "object", "noembed", "noframes", "xmp", "select"}
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
# Nothing that positions, floats, layers, animates, sets sizes or margins: a mail's style stays in the mail's box.
_STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-right",
    "border-spacing", "border-style", "border-top", "border-width", "color", "direction", "font", "font-family",
    "font-size", "font-style", "font-variant", "font-weight", "padding", "padding-bottom", "padding-left",
    "padding-right", "padding-top", "text-align", "text-decoration", "text-transform", "vertical-align", "white-space",
}  # fmt: skip


def _absolute(url: str) -> str | None:
    """`//host/picture` is remote; anything else without a scheme would point into the page that shows the mail."""
    return f"https:{url}" if url.startswith("//") else None


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_WITHOUT_CONTENT,
    attributes=_ATTRIBUTES,
    filter_style_properties=_STYLES,
    url_schemes={"http", "https", "mailto", "tel", "cid"},
    url_relative=_absolute,
    link_rel="noopener noreferrer nofollow",
)

# In nh3's output each attribute is quoted with `"`, and quotes within are escaped.
_IMAGE_SOURCE = re.compile(r'(<img(?: [a-z-]+="[^"]*+")*? )src="(?!cid:)')
_STYLE = re.compile(r'(<[a-z0-9]+(?: [a-z-]+="[^"]*+")*?) style="([^"]*+)"')
_REACHES_OUT = ("url", "expression", "image", "\\", "@import", "javascript:")
_CONTENT_ID = re.compile(r"""\bcid:([^"'<>\s)]{1,300})""", re.IGNORECASE)


def sanitise(html: str) -> tuple[str, int]:
    """HTML that is safe to show in a page's box, and how many remote pictures it would have loaded."""
    safe = _CLEANER.clean(html)
    if any(word in safe.lower() for word in _REACHES_OUT):
        safe = _STYLE.sub(_without_reach, safe)
    return _IMAGE_SOURCE.subn(r'\1data-remote-src="', safe)


def to_text(safe: str) -> str:
    """The text of sanitised HTML, laid out in lines as a reader sees it."""
    text: str = extract_plain_text(safe, preserve_formatting=True, list_bullets=True, alt_texts=False, links=False)
    return text


def content_ids(html: str) -> set[str]:
    """The Content-IDs that HTML refers to with `cid:` (RFC 2392), without angle brackets."""
    return set(_CONTENT_ID.findall(html)) if "cid:" in html or "CID:" in html else set()


def _without_reach(match: re.Match[str]) -> str:
    style = match[2].lower()
    return match[1] if any(word in style for word in _REACHES_OUT) else match[0]
