"""The receiving server's authentication results for a mail (RFC 8601). Pure.

Only the configured server is trusted: it removes results that others wrote in its name (RFC 8601
section 5). Its results repeat what the sender wrote, such as the envelope address. These words may
look like results: quoted strings, comments and encoded words are not results.
"""

import re
import string
from collections.abc import Iterator
from typing import NamedTuple

from schemas.cases import Authentication
from services.router.author import ascii_domain, find_author
from services.router.header_comments import strip_comments_and_strings
from services.runtime.mail.headers import MailHeaders

_RESULT = re.compile(r"(?:^|;)\s*(dmarc|spf|dkim)(?:\s*/\s*[0-9]+)?\s*=\s*([a-z]+)(?=[\s;(]|$)")
_FIELD_NAME = "Authentication-Results"
_SPACE = re.compile("[ \t\r\n]+")  # RFC 5322 section 2.2.3; others are part of a word
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_HEADER_FROM = re.compile(r"""\bheader\.from\s*=\s*(?:"[^"]*"@|[^\s;@]*@)?([^\s;@()]*)""")
_DMARC_RESULT = re.compile(r"\s*dmarc\b")
_BAD = {"fail", "softfail", "permerror"}
_UNREADABLE = "unreadable"
_MAX_NAMED = 20  # domains of the author; a server names one in each field


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
    if not _is_about_author(headers, server):
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


def _is_about_author(headers: MailHeaders, server: str) -> bool:
    """Whether the server's results are for the author that people see."""
    author = find_author(headers)
    if not author.address or _FIELD_NAME.lower().encode() in headers.spaced:
        return False  # no server writes a space before the colon; some overlook such a field
    domain = ascii_domain(author.address.rpartition("@")[2])
    if _author_domains(headers, server) - {domain}:
        return False
    return not author.needs_proof or domain in _proven_domains(headers, server)


def _author_domains(headers: MailHeaders, server: str) -> set[str]:
    """The domains that the server names as the author's, "" among them if it names an empty one, or
    too many.

    Those in comments and strings count, for the same reason.
    """
    named = {
        domain.strip('"<>').rstrip(".")
        for field in _fields(headers, server)
        for domain in _HEADER_FROM.findall(field.written)
    }
    return set(map(ascii_domain, named)) if len(named) <= _MAX_NAMED else {""}


def _proven_domains(headers: MailHeaders, server: str) -> set[str]:
    """The domains that the server names in its DMARC results, outside of comments and strings, as
    the author's.
    """
    results = [
        result
        for field in _fields(headers, server)
        if field.is_whole
        for result in field.readable.split(";")
        if _DMARC_RESULT.match(result)
    ]
    return {
        ascii_domain(found[1].strip("<>").rstrip("."))
        for result in results
        for found in _HEADER_FROM.finditer(result)
        if result[found.start() - 1].isspace()
    }


def _fields(headers: MailHeaders, server: str) -> Iterator[_Field]:
    """The fields that the server wrote. Only ASCII letters and spaces are treated as equal: a name
    that differs in others is not the server's, which therefore does not remove it.
    """
    if not server:
        return
    for raw in headers.raws(_FIELD_NAME):
        text = raw.decode("utf-8", "replace").translate(_LOWER)
        value = " ".join(filter(None, _SPACE.split(text)))
        readable, is_whole = strip_comments_and_strings(value)
        name, separator, results = readable.partition(";")
        if name.split(" ")[:1] == [server.lower()]:
            yield _Field(value.partition(";")[2], separator + results, is_whole)
