"""Limits where a browser is sent after signing in to paths of the desk. Pure."""

import re
from urllib.parse import urlsplit

# No backslash, which browsers treat as a slash; no spaces and control characters, which they drop.
_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,1000}")


def safe_next(text: str | None) -> str:
    """The path with its query; `/` for anything that a browser might interpret as another host."""
    if not text or not _PATH.fullmatch(text):
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return text if not parts.scheme and not parts.netloc else "/"
