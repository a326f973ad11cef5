"""Keeps the words in `<textarea>`, `<xmp>` and `<noscript>` from hiding the rest of a mail.

To a browser, a `<style>` or `<!--` in a text area is text (HTML standard, section 13.2.5.2). These
elements become others that are allowed, in which an opened comment or style would extend to the end
of the mail.
"""

import re
from collections.abc import Iterator

LITERAL_TAGS = frozenset({"textarea", "xmp", "noscript"})

_OPENING = re.compile(rf"<({'|'.join(sorted(LITERAL_TAGS))})[\s/>]", re.IGNORECASE)
_CLOSINGS = {name: re.compile(rf"</{name}[\s/>]", re.IGNORECASE) for name in LITERAL_TAGS}
# What hides the text behind it, up to its end.
_HIDDEN = ("script", "style", "title", "template", "iframe")
_HIDING = re.compile(rf"<(?=(?:(!--)|({'|'.join(_HIDDEN)})[\s/>]))", re.IGNORECASE)
_ENDS = {name: re.compile(rf"</{name}[\s/>]", re.IGNORECASE) for name in _HIDDEN}
_ENDS["!--"] = re.compile("--!?>")


def with_literal_text(html: str) -> str:
    """`html` in which nothing in these elements hides what follows them, in time linear in its
    length. An element that is never closed is not changed.
    """
    return "".join(_pieces(html))


def _pieces(html: str) -> Iterator[str]:
    done = 0
    unclosed: set[str] = set()
    for opening in _OPENING.finditer(html):
        name = opening[1].lower()
        if opening.start() < done or name in unclosed:
            continue
        closing = _CLOSINGS[name].search(html, opening.end())
        if closing is None:
            unclosed.add(name)
            continue
        content = html[opening.end() : closing.start()]
        yield html[done : opening.end()]
        yield _HIDING.sub("&lt;", content) if name != "noscript" else _with_closed(content)
        done = closing.start()
    yield html[done:]


def _with_closed(content: str) -> str:
    """The content of `<noscript>`, which is HTML, with the end of a style or comment in it."""
    position = 0
    while hiding := _HIDING.search(content, position):
        end = _ENDS[(hiding[1] or hiding[2]).lower()].search(content, hiding.end())
        if end is None:
            return f"{content}-->" if hiding[1] else f"{content}</{hiding[2]}>"
        position = end.end()
    return content
