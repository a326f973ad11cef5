"""Comments and quoted strings in header values (RFC 5322 sections 3.2.2 and 3.2.4). Pure."""

import re

# A quoted string has no comments in it, and a comment no quoted strings.
_OUTSIDE = re.compile(r'\\.|"(?:[^"\\]++|\\.)*+"|[()]|[^\\()"]++|.', re.DOTALL)
_INSIDE = re.compile(r"\\.|[()]|[^\\()]++|.", re.DOTALL)


def strip_comments(value: str) -> str:
    """The value with a space in place of each comment. Comments nest."""
    return _strip(value)[0]


def strip_comments_and_strings(value: str) -> tuple[str, bool]:
    """The value with a space in place of each comment and `""` in place of each quoted string; and
    whether all of them are closed, so that the value can be read in one way only.
    """
    return _strip(value, string='""')


def _strip(value: str, string: str | None = None) -> tuple[str, bool]:
    depth, at, kept, is_whole = 0, 0, [], True
    while at < len(value):
        found = (_INSIDE if depth else _OUTSIDE).match(value, at)
        if found is None:
            break
        piece, at = found[0], found.end()
        if piece == "(":
            depth += 1
            kept.append(" ")
        elif piece == ")":
            is_whole = is_whole and depth > 0
            depth = max(0, depth - 1)
        elif depth == 0:
            is_whole = is_whole and piece != '"'
            kept.append(string if string is not None and piece[0] == '"' else piece)
    return "".join(kept), is_whole and depth == 0
