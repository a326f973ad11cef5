"""The receiving server's authentication results for a mail (RFC 8601). Pure.

Only the configured server is trusted: it removes results that others wrote in its name (RFC 8601
section 5). Its results repeat what the sender wrote, such as the envelope address. These words may
look like results: quoted strings, comments and encoded words are not results.
"""

import re
from typing import NamedTuple

from schemas.cases import Authentication
from services.router.header_comments import strip_comments_and_strings
from services.runtime.mail.headers import MailHeaders

_RESULT = re.compile(r"(?:^|;)\s*(dmarc|spf|dkim)\s*=\s*([a-z]+)(?=[\s;(]|$)([^;]*)")
_HEADER_FROM = re.compile(r"\bheader\.from\s*=\s*(?:[^\s;@]*@)?([^\s;@\"]+)")
_BAD = {"fail", "softfail", "permerror"}
_UNREADABLE = "unreadable"


class _Result(NamedTuple):
    method: str
    result: str
    author_domain: str  # that was checked; "" if the server does not name it


def authentication(headers: MailHeaders, server: str) -> Authentication:
    """`pass` or `fail`; empty if the server's results are inconclusive.

    Only DMARC compares the authenticated domain with the author's (RFC 7489 section 3.1), so only
    DMARC can pass. Without a DMARC result, a mail fails if at least one other method fails and none
    passes. A mail fails if servers may differ about its author (RFC 7489 section 6.6.1): the result
    may then be for another author.
    """
    if not server:
        return ""
    author = _only_author(headers)
    if not author:
        return "fail"
    results = _results(headers, server)
    dmarc = {result.result for result in results if result.method == "dmarc"}
    if dmarc & _BAD:
        return "fail"
    if dmarc:
        checked = {result.author_domain for result in results if result.author_domain}
        is_for_author = checked <= {_ascii(author.rpartition("@")[2])}
        return "pass" if dmarc == {"pass"} and is_for_author else ""
    others = {result.result for result in results}
    return "fail" if others & _BAD and "pass" not in others else ""


def dmarc_results(headers: MailHeaders, server: str) -> set[str]:
    """The server's DMARC results; several if it checked several times."""
    return {result.result for result in _results(headers, server) if result.method == "dmarc"}


def _results(headers: MailHeaders, server: str) -> list[_Result]:
    """The results in the server's fields. If a comment or string does not end, where the results
    are is uncertain: bad ones count wherever they are, and `dmarc` is unreadable.
    """
    if not server:
        return []
    found: list[_Result] = []
    for raw in headers.raws("Authentication-Results"):
        value = " ".join(raw.decode("utf-8", "replace").lower().split())
        readable, is_whole = strip_comments_and_strings(value)
        name, separator, results = readable.partition(";")
        if name.split()[:1] != [server.lower()]:
            continue
        text = separator + results if is_whole else value.partition(";")[2]
        read = [
            _Result(method, result, (_HEADER_FROM.findall(rest) or [""])[0])
            for method, result, rest in _RESULT.findall(text)
        ]
        if is_whole:
            found += read
        else:
            found += [result for result in read if result.result in _BAD]
            found.append(_Result("dmarc", _UNREADABLE, ""))
    return found


def _only_author(headers: MailHeaders) -> str:
    """The address in From; "" without exactly one that every program reads: an encoded word must
    not contain it (RFC 2047 section 5).
    """
    fields, authors = headers.raws("From"), headers.addresses("From")
    addresses = [author.address for author in authors if author.address]
    if len(fields) != 1 or len(addresses) != 1:
        return ""
    local = addresses[0].rpartition("@")[0]
    written = fields[0].decode("utf-8", "replace").lower()
    return addresses[0] if local and f"{local.lower()}@" in written else ""


def _ascii(domain: str) -> str:
    """The domain as servers write it, in ASCII."""
    try:
        return domain.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return domain.lower()
