"""Entity tags and `If-Match` (RFC 9110, sections 8.8.3 and 13.1.1). Pure."""

import re

from services.desk.http.problems import ProblemError

_TAG = re.compile(r'"r(0|[1-9][0-9]{0,15})"')


def entity_tag(revision: int) -> str:
    """The strong entity tag of a case at a revision: `"r17"`."""
    return f'"r{revision}"'


def expected_revision(if_match: str | None) -> int:
    """The revision that a request is based on.

    Raises ProblemError: 428 if the header is missing, 400 if it is not an entity tag of a case.
    """
    if if_match is None:
        raise ProblemError(
            428,
            "precondition-required",
            'send If-Match with the ETag of the case that you read, such as "r17"',
        )
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        raise ProblemError(
            400,
            "invalid-if-match",
            'If-Match must be one entity tag of a case, such as "r17"; GET the case for its ETag',
        )
    return int(found[1])
