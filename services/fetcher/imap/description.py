"""Describes an IMAP folder and its server to a person, for `mailcase check`."""

import re
import ssl

from services.fetcher.imap.removal import MailRemover
from services.fetcher.imap.responses import numbers, sizes
from services.fetcher.imap.session import Folder
from services.runtime.settings import IncomingServer, Mailbox


def describe_folder(
    folder: Folder, mailbox: Mailbox, server: IncomingServer, remover: MailRemover
) -> str:
    """One line: server, encryption, folder, mails, capabilities, and what happens to recorded
    mails.

    Raises as `Folder.command` does.
    """
    client = folder.box.client
    contents = _contents(folder)
    capabilities: list[str] = [
        name for name in ("IDLE", "UIDPLUS", "MOVE") if name in folder.capabilities
    ]
    capabilities += ["deleting"] if rb"\Deleted" in folder.permanent_flags else []
    capabilities += ["keywords"] if rb"\*" in folder.permanent_flags else []
    greeting = re.sub(
        r"^\S+ \S+ (\[[^\]]*\] ?)?", "", client.welcome.decode("ascii", "replace")
    ).strip()[:80]
    tls = client.sock.version() if isinstance(client.sock, ssl.SSLSocket) else "no TLS"
    return (
        f"IMAP at {server.host}:{server.port} ({greeting}), {tls}, folder {mailbox.folder}: "
        f"{contents}; {', '.join(capabilities) or 'no extensions'}; "
        f"after the receipt: {remover.describe(folder)}"
    )


def _contents(folder: Folder) -> str:
    """The number of mails, and the time of the oldest."""
    uids = numbers(folder.command("SEARCH", "UNDELETED"))
    if not uids:
        return "0 mails"
    oldest = sizes(folder.command("FETCH", str(uids[0]), "(UID RFC822.SIZE INTERNALDATE)"))
    since = next((f", the oldest of {at:%Y-%m-%d %H:%M} UTC" for _, _, at in oldest if at), "")
    return f"{len(uids)} mails{since}"
