"""The receiving server's authentication results for a mail (RFC 8601). Pure.

Only the configured server is trusted: it removes results that others wrote in its name (RFC 8601
section 5). Its results repeat what the sender wrote, such as the envelope address. These words may
look like results: quoted strings, comments and encoded words are not results.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from schemas.cases import Authentication
from services.router.author import ascii_domain, only_author
from services.router.header_comments import strip_comments_and_strings
from services.runtime.mail.headers import MailHeaders

_RESULT = re.compile(r"(?:^|;)\s*(dmarc|spf|dkim)\s*=\s*([a-z]+)(?=[\s;(]|$)")
_HEADER_FROM = re.compile(r"""\bheader\.from\s*=\s*(?:"[^"]*"@|[^\s;@]*@)?([^\s;@()]*)""")
_BAD = {"fail", "softfail", "permerror"}
_UNREADABLE = "unreadable"


class _Result(NamedTuple):
    method: str
    result: str


class _Field(NamedTuple):
    """A field of the server, in lower case, without the server's name."""

    written: str  # as it is
    readable: str  # without comments and strings
    is_whole: bool  # these are closed


def authentication(headers: MailHeaders, server: str) -> Authentication:
    """`pass` or `fail`; empty if the server's results are inconclusive.

    Only DMARC compares the authenticated domain with the author's (RFC 7489 section 3.1), so only
    DMARC can pass. Without a DMARC result, a mail fails if at least one other method fails and none
    passes. A mail fails if servers may differ about its author (RFC 7489 section 6.6.1), or if the
    server names another author's domain: whatever the result, it is then for another author.
    """
    if not server:
        return ""
    author = only_author(headers)
    checked = _author_domains(headers, server)
    if not author or checked - {ascii_domain(author.rpartition("@")[2])}:
        return "fail"
    results = _results(headers, server)
    dmarc = {result.result for result in results if result.method == "dmarc"}
    if dmarc & _BAD:
        return "fail"
    if dmarc:
        return "pass" if dmarc == {"pass"} else ""
    others = {result.result for result in results}
    return "fail" if others & _BAD and "pass" not in others else ""


def dmarc_results(headers: MailHeaders, server: str) -> set[str]:
    """The server's DMARC results; several if it checked several times."""
    return {result.result for result in _results(headers, server) if result.method == "dmarc"}


def _results(headers: MailHeaders, server: str) -> list[_Result]:
    """The results in the server's fields. Bad ones count wherever they are: two words of the sender
    can begin and end a comment around them. If one does not end, `dmarc` is unreadable.
    """
    found: list[_Result] = []
    for field in _fields(headers, server):
        written = [_Result(*result) for result in _RESULT.findall(field.written)]
        found += [result for result in written if result.result in _BAD]
        if field.is_whole:
            found += [_Result(*result) for result in _RESULT.findall(field.readable)]
        else:
            found.append(_Result("dmarc", _UNREADABLE))
    return found


def _author_domains(headers: MailHeaders, server: str) -> set[str]:
    """The domains that the server names as the author's, "" among them if it names an empty one.

    Those in comments and strings count, for the same reason.
    """
    return {
        ascii_domain(domain.strip('"<>').rstrip("."))
        for field in _fields(headers, server)
        for domain in _HEADER_FROM.findall(field.written)
    }


def _fields(headers: MailHeaders, server: str) -> Iterator[_Field]:
    if not server:
        return
    for raw in headers.raws("Authentication-Results"):
        value = " ".join(raw.decode("utf-8", "replace").lower().split())
        readable, is_whole = strip_comments_and_strings(value)
        name, separator, results = readable.partition(";")
        if name.split()[:1] == [server.lower()]:
            yield _Field(value.partition(";")[2], separator + results, is_whole)
