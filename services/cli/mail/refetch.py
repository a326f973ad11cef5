"""`mailcase mail refetch`: after a restore, fetches again the mails that stayed in mailboxes."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from services.cli.terminal.options import since_moment
from services.cli.terminal.output import DEFAULT_CONFIG, Config, counted, loaded, report_failure
from services.fetcher.mail_source import fetch_again
from services.fetcher.ports import MailboxError
from services.runtime.errors import Mistake, SettingsError
from services.runtime.settings import IncomingServer, Mailbox, Settings

Since = Annotated[
    str,
    Parameter(
        name="--since",
        help="Mails that arrived since: a time (UTC), or an age such as 2h or 7d.",
    ),
]
MailboxName = Annotated[
    str | None, Parameter(name="--mailbox", help="Only this mailbox; default: all.")
]


def refetch(*, since: Since, mailbox: MailboxName = None, config: Config = DEFAULT_CONFIG) -> int:
    """Remove the mark of recorded mails, so that fetchers fetch them again.

    Mails that the database has do not change. Running fetchers fetch the others within an hour.
    """
    settings = loaded(config)
    now = datetime.now(UTC)
    first = (since_moment(since, now) or now).date()
    failed = 0
    for chosen in _chosen(settings, mailbox):
        server = settings.servers[chosen.server]
        try:
            count = fetch_again(settings, chosen, first)
        except MailboxError as error:
            failed += 1
            report_failure(chosen.name, f"{error}; {error.hint}")
        else:
            print(f"{chosen.name}: {_result(server, count)}")
    return 1 if failed else 0


def _result(server: IncomingServer, count: int) -> str:
    if server.protocol == "pop3":
        return "POP3: mails that the database does not have are fetched again without this command"
    if server.move_to:
        return f"recorded mails are in {server.move_to}: move them back with a mail program"
    if server.delete_after_fetch:
        return "recorded mails are deleted there (delete_after_fetch): none can be fetched again"
    return f"{counted(count, 'mail', 'mails')} will be fetched again"


def _chosen(settings: Settings, name: str | None) -> list[Mailbox]:
    if name is None:
        return list(settings.mailboxes.values())
    if name not in settings.mailboxes:
        hint = f"the settings have: {', '.join(settings.mailboxes) or 'none'}"
        raise SettingsError([Mistake("--mailbox", f"there is no mailbox {name!r}", hint)])
    return [settings.mailboxes[name]]
