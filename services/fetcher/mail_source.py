"""Creates the mail source for a mailbox's protocol."""

import os
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

from services.fetcher.imap.refetch import unmark_recorded
from services.fetcher.imap.source import ImapSource
from services.fetcher.pop3.source import Pop3Source
from services.fetcher.ports import MailSource
from services.fetcher.sources.credentials import Credential, Password
from services.fetcher.sources.seen_ids import SeenIds
from services.runtime.oauth2.tokens import TokenSource, token_sources
from services.runtime.settings import Mailbox, Settings


def create_mail_source(
    settings: Settings,
    mailbox: Mailbox,
    tokens: Mapping[str, TokenSource] | None = None,
    seen_ids: SeenIds | None = None,
) -> MailSource:
    """The adapter for the mailbox's protocol, not connected yet.

    Without `seen_ids` it remembers nothing.
    """
    server = settings.servers[mailbox.server]
    credential = _credential(mailbox, tokens if tokens is not None else token_sources(settings))
    source = Pop3Source if server.protocol == "pop3" else ImapSource
    return source(mailbox, server, credential, seen_ids)


def fetch_again(settings: Settings, mailbox: Mailbox, since: date) -> int:
    """Make mails that arrived since that day and stayed on their server fetchable again.

    Returns how many. There is nothing to do if recorded mails leave the folder, or with POP3: its
    seen ids are in the database, so a restored database does not have them. Raises MailboxError.
    """
    server = settings.servers[mailbox.server]
    if server.protocol == "pop3" or server.delete_after_fetch or server.move_to:
        return 0
    return unmark_recorded(mailbox, server, _credential(mailbox, token_sources(settings)), since)


def _credential(mailbox: Mailbox, tokens: Mapping[str, TokenSource]) -> Callable[[], Credential]:
    """A function that reads the secret at each call, so that a changed one needs no restart."""
    if mailbox.oauth2 is not None:
        return partial(tokens[mailbox.oauth2].token, mailbox.user)
    return lambda: Password(mailbox.password(os.environ))
