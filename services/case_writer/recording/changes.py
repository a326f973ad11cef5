"""The changes of a case that opens, and of a mail derived again. Pure."""

from schemas.changes import Opened, Rederived
from schemas.stored import NO_SUBJECT, Case, Comment, Outcome


def opened_change(case: Case, mail_key: str) -> Opened:
    """The first change of a new case."""
    return Opened(
        process=case.process,
        stage=case.stage,
        title=case.title,
        mailbox=case.mailbox,
        opened_at=case.opened_at,
        comment=mail_key,
        refers_to=case.refers_to,
    )


def rederived_change(key: str, outcome: Outcome, before: Comment, today: Comment) -> Rederived:
    """The change of a mail that is derived again. The title of a case follows the mail that opened
    it.
    """
    if outcome != "opened" or before.subject == today.subject:
        return Rederived(comment=key)
    title, was_title = today.subject or NO_SUBJECT, before.subject or NO_SUBJECT
    return Rederived(comment=key, title=title, was_title=was_title)
