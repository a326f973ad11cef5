"""The facts that the rules decide by, each computed at most once for a mail. Pure."""

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from schemas.cases import Authentication
from schemas.flags import CommentFlag
from services.router import automatic
from services.router.authentication import authentication, dmarc_results
from services.router.case_candidates import CaseCandidates, find_candidates
from services.router.policy import Policy
from services.router.reports import DeliveryReport, read_report
from services.runtime.mail.headers import MailHeaders

_SPAM_FIELDS = frozenset({b"x-spam-flag", b"x-spam-status"})
_SPAM_STATUS = re.compile(r"\s*yes\b", re.IGNORECASE)


T = TypeVar("T")


class _once(Generic[T]):  # noqa: N801 - reads like a decorator
    """A property that is computed at the first access. Unlike `functools.cached_property`, it takes
    no lock, which costs a microsecond: facts belong to one thread.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self._name = compute.__name__

    def __get__(self, facts: "MailFacts", _: type) -> T:
        value = facts.__dict__[self._name] = self._compute(facts)
        return value


class MailFacts:
    """A mail's headers, its raw bytes or their beginning, and the policy of its mailbox."""

    def __init__(self, headers: MailHeaders, raw: bytes, policy: Policy) -> None:
        self.headers = headers
        self.raw = raw
        self.policy = policy

    @_once
    def candidates(self) -> CaseCandidates:
        return find_candidates(self.headers, self.policy)

    @_once
    def report(self) -> DeliveryReport | None:
        return read_report(self.headers, self.raw)

    @_once
    def authentication(self) -> Authentication:
        return authentication(self.headers, self.policy.authentication_server)

    @property
    def report_ids(self) -> list[str]:
        """Message-IDs of the returned mail, and of the mails that it or the report answers."""
        returned = [*self.report.message_ids, *self.report.references] if self.report else []
        return [*returned, *self.candidates.thread_ids]

    @_once
    def spam_evidence(self) -> str | None:
        """The receiving server's spam verdict; None if there is none, or only good ones.

        The sender may have written a good one; the server's own may be above or below it.
        """
        if self.headers.has_any(_SPAM_FIELDS):
            marks = self.headers.texts("X-Spam-Flag")
            if any(mark.strip().lower() in {"yes", "true"} for mark in marks):
                return "X-Spam-Flag"
            if any(map(_SPAM_STATUS.match, self.headers.texts("X-Spam-Status"))):
                return "X-Spam-Status"
        if "fail" in dmarc_results(self.headers, self.policy.authentication_server):
            return "Authentication-Results: dmarc=fail"
        return None

    @_once
    def flags(self) -> list[str]:
        """Flags for the comment: kinds of automatic mail, and spam."""
        is_spam = self.spam_evidence is not None and self.policy.spam != "accept"
        return [*automatic.flags(self.headers), *([CommentFlag.SPAM] if is_spam else [])]
