"""Makes recorded mails that stayed in an IMAP folder fetchable again, after a database was lost."""

from collections.abc import Callable
from datetime import date, timedelta

from services.fetcher.imap.removal import mark, recorded_key
from services.fetcher.imap.responses import numbers, sequence_set
from services.fetcher.imap.session import BROKEN, hang_up, log_in, open_session, select
from services.fetcher.sources.credentials import Credential
from services.fetcher.sources.diagnosis import as_mailbox_error
from services.runtime.settings import IncomingServer, Mailbox

_AT_ONCE = 500
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def unmark_recorded(
    mailbox: Mailbox, server: IncomingServer, credential: Callable[[], Credential], since: date
) -> int:
    """Remove our mark from mails that arrived since that day; returns how many had it.

    Fetchers list them in their next session, which begins within an hour. Raises MailboxError.
    """
    # The server compares days of its own time zone (RFC 3501, section 6.4.4).
    first = since - timedelta(days=1)
    day = f"{first.day}-{_MONTHS[first.month - 1]}-{first.year}"
    with as_mailbox_error("unmark the mails", mailbox, server, broken=BROKEN):
        box = open_session(mailbox, server)
        try:
            log_in(box, mailbox, credential())
            folder = select(box, mailbox)
            uids = numbers(folder.command("SEARCH", f"{recorded_key(folder)} SINCE {day}"))
            for start in range(0, len(uids), _AT_ONCE):
                some = sequence_set(uids[start : start + _AT_ONCE])
                folder.command("STORE", some, "-FLAGS.SILENT", f"({mark(folder)})")
            return len(uids)
        finally:
            hang_up(box)
