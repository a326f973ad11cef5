"""Keeps the words in `<textarea>`, `<xmp>` and `<noscript>` from hiding the rest of a mail.

To a browser, a `<style>` or `<!--` in a text area is text (HTML standard, section 13.2.5.2). These
elements become others that are allowed, in which an opened comment or style would extend to the end
of the mail.
"""

import re
from collections.abc import Iterator

LITERAL_TAGS = frozenset({"textarea", "xmp", "noscript"})

# What hides the text behind it, up to its end.
_HIDDEN = ("script", "style", "title", "template", "iframe")
_HIDING = re.compile(rf"<(?=(?:(!--)|({'|'.join(_HIDDEN)})[\s/>]))", re.IGNORECASE)
# Outside of these elements, all of them: a `<textarea>` in a comment or a style is not one.
_OPENING = re.compile(
    rf"<(?:(!--)(?!-?>)|({'|'.join((*sorted(LITERAL_TAGS), *_HIDDEN))})(?=[\s/>]))", re.IGNORECASE
)
_ENDS = {name: re.compile(rf"</{name}[\s/>]", re.IGNORECASE) for name in (*LITERAL_TAGS, *_HIDDEN)}
_ENDS["!--"] = re.compile("--!?>")


def with_literal_text(html: str) -> str:
    """`html` in which nothing in these elements hides what follows them, in time linear in its
    length. An element that is never closed is not changed.
    """
    return "".join(_pieces(html))


def _pieces(html: str) -> Iterator[str]:
    done = position = 0
    unclosed: set[str] = set()
    while opening := _OPENING.search(html, position):
        name, position = (opening[1] or opening[2]).lower(), opening.end()
        end = None if name in unclosed else _ENDS[name].search(html, position)
        if end is None:
            unclosed.add(name)
            continue
        if name in LITERAL_TAGS:
            content = html[position : end.start()]
            yield html[done:position]
            yield _HIDING.sub("&lt;", content) if name != "noscript" else _with_closed(content)
            done = end.start()
        position = end.end()
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
