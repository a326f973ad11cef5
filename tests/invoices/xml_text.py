"""Writes XML as text: elements with their children in order."""

from collections.abc import Iterable
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

Attributes = dict[str, str]


def tag(name: str, *content: "str | Iterable[str] | None", **attributes: str) -> str:
    """An element with markup inside. If the only content is None or "", the element is left out."""
    parts = [
        "".join(part) if not isinstance(part, str) else part for part in content if part is not None
    ]
    inner = "".join(parts)
    if not inner:
        return ""
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{written}>{inner}</{name}>"


def leaf(name: str, text: "str | Decimal | None", **attributes: str) -> str:
    """An element with text; left out if the text is absent."""
    return "" if text is None else tag(name, escape(str(text)), **attributes)


def amount(value: Decimal) -> str:
    return f"{value:.2f}"
