"""Comments and quoted strings in header values (RFC 5322 sections 3.2.2 and 3.2.4). Pure."""

import re

# A quoted string has no comments in it, and a comment no quoted strings.
_OUTSIDE = re.compile(r'\\.|"(?:[^"\\]++|\\.)*+"|[()]|[^\\()"]++|.', re.DOTALL)
_INSIDE = re.compile(r"\\.|[()]|[^\\()]++|.", re.DOTALL)


def strip_comments(value: str) -> str:
    """The value with a space in place of each comment. Comments nest."""
    return _strip(value)[0]


def separate_comments(value: str) -> tuple[str, str, bool]:
    """The value with `()` in place of each comment; the comments; and whether all comments and
    quoted strings are closed.
    """
    return _strip(value, comment="()")


def strip_comments_and_strings(value: str) -> tuple[str, bool]:
    """The value with a space in place of each comment and `""` in place of each quoted string; and
    whether all of them are closed, so that the value can be read in one way only.
    """
    kept, _, is_whole = _strip(value, string='""')
    return kept, is_whole


def _strip(value: str, *, string: str | None = None, comment: str = " ") -> tuple[str, str, bool]:
    depth, at, is_whole = 0, 0, True
    kept: list[str] = []
    comments: list[str] = []
    while at < len(value):
        found = (_INSIDE if depth else _OUTSIDE).match(value, at)
        if found is None:
            break
        piece, at = found[0], found.end()
        if piece == "(":
            depth += 1
            if depth == 1:
                kept.append(comment)
            comments.append(" ")
        elif piece == ")":
            is_whole = is_whole and depth > 0
            depth = max(0, depth - 1)
        elif depth == 0:
            is_whole = is_whole and piece != '"'
            kept.append(string if string is not None and piece[0] == '"' else piece)
        else:
            comments.append(piece)
    return "".join(kept), "".join(comments), is_whole and depth == 0
