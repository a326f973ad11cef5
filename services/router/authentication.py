"""The receiving server's authentication results for a mail (RFC 8601). Pure.

Only the configured server is trusted: it removes results that others wrote in its name (RFC 8601
section 5).
"""

import re

from schemas.cases import Authentication
from services.router.header_comments import strip_comments
from services.runtime.mail.headers import MailHeaders

_RESULT = re.compile(r"(?:^|;)\s*(dmarc|spf|dkim)\s*=\s*([a-z]+)")
_BAD = {"fail", "softfail", "permerror"}


def authentication(headers: MailHeaders, server: str) -> Authentication:
    """`pass` or `fail`; empty if the server's results are inconclusive.

    Only DMARC compares the authenticated domain with the author's (RFC 7489 section 3.1), so only
    DMARC can pass. Without a DMARC result, a mail fails if at least one other method fails and none
    passes.
    """
    dmarc = dmarc_results(headers, server)
    if dmarc & _BAD:
        return "fail"
    if dmarc:
        return "pass" if dmarc == {"pass"} else ""
    others = {result for method, result in _results(headers, server) if method != "dmarc"}
    return "fail" if others & _BAD and "pass" not in others else ""


def dmarc_results(headers: MailHeaders, server: str) -> set[str]:
    """The server's DMARC results; several if it checked several times."""
    return {result for method, result in _results(headers, server) if method == "dmarc"}


def _results(headers: MailHeaders, server: str) -> list[tuple[str, str]]:
    if not server:
        return []
    found: list[tuple[str, str]] = []
    for value in headers.texts("Authentication-Results"):
        name, separator, results = strip_comments(value).lower().partition(";")
        if name.split()[:1] == [server.lower()]:
            found += _RESULT.findall(separator + results)
    return found
