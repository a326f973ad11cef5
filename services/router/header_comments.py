"""Comments in header values. Pure."""

import re

_TOKEN = re.compile(r"\\.|[()]|[^\\()]+|\\", re.DOTALL)


def strip_comments(value: str) -> str:
    """The value with a space in place of each comment. Comments nest (RFC 5322 section 3.2.2)."""
    depth, kept = 0, []
    for piece in _TOKEN.findall(value):
        if piece == "(":
            depth += 1
            kept.append(" ")
        elif piece == ")":
            depth = max(0, depth - 1)
        elif depth == 0:
            kept.append(piece)
    return "".join(kept)
