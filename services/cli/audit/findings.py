"""The findings of an audit, and the checks of single documents. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """`check` is a constant name, `what` names the documents. A harmless finding is not a
    failure."""

    check: str
    what: str
    harmless: bool = False


def of_mail(mail: Document, comment: Document | None) -> Iterable[Finding]:
    """A mail has a comment in its case; a parked or ignored mail has its content, and no
    comment.
    """
    key, outcome = mail["_id"], mail["outcome"]
    if outcome in {"opened", "appended"}:
        if comment is None:
            yield Finding(
                "mail-without-comment", f"mail {key} was {outcome} to case {mail['case']}"
            )
        elif comment["case"] != mail["case"]:
            yield Finding(
                "mail-in-two-cases",
                f"mail {key}: case {mail['case']}, its comment in {comment['case']}",
            )
    else:
        if comment is not None:
            yield Finding(
                "comment-of-aside-mail", f"mail {key} is {outcome}, and in case {comment['case']}"
            )
        if mail["raw"] is None:
            yield Finding(
                "aside-mail-without-content", f"mail {key} is {outcome} as {mail['reason']}"
            )


def of_case(
    case: Document, comments: int, attachments: int, mails: int, openers: int
) -> Iterable[Finding]:
    """The counts of a case are right; one mail opened it, unless all mails have moved away."""
    number = case["_id"]
    if case["comment_count"] != comments:
        yield Finding(
            "comment-count",
            f"case {number} has {comments} comments and counts {case['comment_count']}",
        )
    if case["attachment_count"] != attachments:
        yield Finding(
            "attachment-count",
            f"case {number} has {attachments} attachments and counts {case['attachment_count']}",
        )
    if openers != (1 if mails else 0):
        yield Finding("case-openers", f"case {number} was opened by {openers} mails")


STUCK = timedelta(minutes=10)


def of_outgoing(
    mail: Document, *, case: bool, caused: bool, comment: Document | None, now: datetime
) -> Iterable[Finding]:
    """An outgoing mail has its case and its cause; it has a comment once it is finished, not
    before.
    """
    name = f"outgoing {mail['_id']!r} of case {mail['case']}"
    if not case:
        yield Finding("outgoing-without-case", name)
    if mail["kind"] == "acknowledgement":
        if mail["_id"] != f"ack {mail['case']}":  # the key allows one per case
            yield Finding(
                "outgoing-twice", f"{name} acknowledges it, and so does 'ack {mail['case']}'"
            )
        if not caused:
            yield Finding("outgoing-without-cause", f"{name} acknowledges mail {mail['caused_by']}")
    if mail["state"] in {"pending", "claimed"}:
        if comment is not None:
            yield Finding(
                "outgoing-again",
                f"{name} has a comment in case {comment['case']}, but is not sent yet",
            )
        if mail["due_at"] < now - STUCK:
            yield Finding(
                "outgoing-stuck",
                f"{name} is {mail['state']}, due since {mail['due_at']:%Y-%m-%d %H:%M} UTC",
            )
    elif mail["state"] not in {"suppressed", "recalled"} and comment is None:
        yield Finding(
            "outgoing-without-comment", f"{name} is {mail['state']}, without a comment there"
        )
    elif comment is not None and comment["case"] != mail["case"]:
        yield Finding("outgoing-in-two-cases", f"{name} has its comment in case {comment['case']}")


def of_thread(thread: Document, cases: Mapping[str, int | None]) -> Iterable[Finding]:
    """A thread leads to the case of the mail that claimed it.

    `cases` maps the keys of recorded mails and the ids of sent comments to their cases.
    """
    claimed_by = thread["claimed_by"]
    if claimed_by is None:
        return
    if claimed_by not in cases:
        yield Finding("thread-of-no-mail", f"{thread['_id']} is claimed by mail {claimed_by}")
    elif cases[claimed_by] != thread["case"]:
        yield Finding(
            "thread-in-another-case",
            f"{thread['_id']} leads to case {thread['case']}, its mail {claimed_by} is in {cases[claimed_by]}",
        )


def gaps(numbers: Iterable[int], last: int) -> Iterable[tuple[int, int]]:
    """The ranges between 1 and `last` that are missing from the ascending `numbers`."""
    expected = 1
    for number in numbers:
        if number > expected:
            yield expected, number - 1
        expected = number + 1
    if last >= expected:
        yield expected, last


def of_gap(first: int, last: int, skipped: Sequence[Document]) -> Finding:
    """A range of missing case numbers; harmless if a replay skipped it so that no number is
    assigned twice.
    """
    expected = any(gap["after"] < first and last <= gap["to"] for gap in skipped)
    what = f"case {first}" if first == last else f"cases {first} to {last}"
    why = ": not restored from the archive" if expected else ""
    return Finding("number-gap", f"no {what}{why}", harmless=expected)
