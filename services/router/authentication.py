"""What the receiving server says of a mail's author (RFC 8601). Pure.

Only the configured server is believed: it removes results that others wrote in its name (RFC 8601 section 5).
"""

import re

from schemas.cases import Authentication
from services.router.comments import without_comments
from services.runtime.mail.headers import MailHeaders

_RESULT = re.compile(r"(?:^|;)\s*(dmarc|spf|dkim)\s*=\s*([a-z]+)")
_BAD = {"fail", "softfail", "permerror"}


def authentication(headers: MailHeaders, server: str) -> Authentication:
    """`pass` or `fail`; empty if the server says nothing that settles it.

    DMARC alone compares what passed with the author's domain (RFC 7489 section 3.1), so nothing else is a pass.
    Without a result of DMARC, a mail fails that no other method vouches for and at least one rejects.
    """
    dmarc = dmarc_results(headers, server)
    if dmarc & _BAD:
        return "fail"
    if dmarc:
        return "pass" if dmarc == {"pass"} else ""
    others = {result for method, result in _results(headers, server) if method != "dmarc"}
    return "fail" if others & _BAD and "pass" not in others else ""


def dmarc_results(headers: MailHeaders, server: str) -> set[str]:
    """What the server found by DMARC; more than one result if it looked more than once."""
    return {result for method, result in _results(headers, server) if method == "dmarc"}


def _results(headers: MailHeaders, server: str) -> list[tuple[str, str]]:
    if not server:
        return []
    found = []
    for value in headers.texts("Authentication-Results"):
        name, separator, results = without_comments(value).lower().partition(";")
        if name.split()[:1] == [server.lower()]:
            found += _RESULT.findall(separator + results)
    return found
