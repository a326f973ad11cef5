"""How recorded mails leave an IMAP folder, or stay there marked."""

import imaplib
from collections.abc import Sequence

from imap_tools.utils import encode_folder

from services.fetcher.imap.responses import numbers, sequence_set
from services.fetcher.imap.session import Folder, checked
from services.fetcher.ports import FailureKind
from services.fetcher.sources.diagnosis import RefusedError
from services.runtime.logs import get_logger
from services.runtime.settings import IncomingServer, Mailbox

log = get_logger(__name__)

KEYWORD = "$MailcaseRecorded"  # on a mail whose receipt came: one that stays, or one about to be expunged
SPARED = "$MailcaseSpared"  # on a mail that others deleted, while ours are expunged by a server without UIDPLUS
imaplib.Commands.setdefault("MOVE", ("SELECTED",))  # RFC 6851


class MailRemover:
    """Deletes, moves or flags, as the settings of the server say.

    Methods raise RefusedError, OSError or IMAP4.error. What is cut off leaves a mail as it was, or marked for
    `finish_interrupted`.
    """

    def __init__(self, mailbox: Mailbox, server: IncomingServer) -> None:
        self._mailbox = mailbox
        self._server = server
        self._takes_out = server.delete_after_fetch or bool(server.move_to)

    def check_rights(self, folder: Folder) -> None:
        """Where the folder's flags are told and deleting is not among them, each session would publish all again."""
        if self._takes_out and folder.permanent_flags and rb"\Deleted" not in folder.permanent_flags:
            hint = f"give the user of mailbox {self._mailbox.name} that right, or set delete_after_fetch = false"
            raise RefusedError("the user may not delete in this folder", FailureKind.FOLDER, hint)

    def describe(self, folder: Folder) -> str:
        if self._server.move_to:
            return f"move to {self._server.move_to}"
        return "delete" if self._server.delete_after_fetch else f"flag with {_mark(folder)}"

    def search_key(self, folder: Folder) -> str:
        """The search key for mails that are not recorded yet; "" where all that are there are."""
        if self._takes_out:
            return ""
        return f"UNKEYWORD {KEYWORD}" if _has_keyword(folder) else "UNSEEN"

    def remove(self, folder: Folder, uids: Sequence[int]) -> None:
        if self._server.move_to:
            self._move(folder, uids, self._server.move_to)
        elif self._server.delete_after_fetch:
            _delete(folder, uids)
        else:
            folder.command("STORE", sequence_set(uids), "+FLAGS.SILENT", f"({_mark(folder)})")

    def finish_interrupted(self, folder: Folder) -> None:
        """Expunge what a session marked that ended before it could; mails that others deleted are their concern.

        Those that such a session had unmarked are marked again.
        """
        if "UIDPLUS" not in folder.capabilities and _allows(folder, SPARED):
            _mark_deleted_again(folder, numbers(folder.command("SEARCH", f"KEYWORD {SPARED}")))
        if self._takes_out and _has_keyword(folder):
            uids = numbers(folder.command("SEARCH", f"DELETED KEYWORD {KEYWORD}"))
            if uids:
                expunge(folder, uids)
                log.info("removals_ended", mailbox=self._mailbox.name, mails=len(uids))

    def _move(self, folder: Folder, uids: Sequence[int], target: str) -> None:
        """In one step where the server can (RFC 6851); else a copy first, so that none is lost between the two."""
        can_move = "MOVE" in folder.capabilities
        try:
            folder.command("MOVE" if can_move else "COPY", sequence_set(uids), encode_folder(target).decode("ascii"))
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            left = folder.there(uids)
            if len(left) < len(uids):  # somebody else took some away, or the server stopped half-way
                if left:
                    self._move(folder, left, target)
                return
            hint = f"create the folder {target!r}, make room in it, or correct server.{self._mailbox.server}.move_to"
            raise RefusedError(f"mails cannot be moved to {target}: {error}", FailureKind.FOLDER, hint) from error
        if not can_move:
            _delete(folder, uids)


def expunge(folder: Folder, uids: Sequence[int]) -> None:
    """Of these mails, those that are marked as deleted; nobody else's."""
    if "UIDPLUS" in folder.capabilities:
        folder.command("EXPUNGE", sequence_set(uids))
        return
    # Without UIDPLUS an expunge takes every mail marked as deleted: unmark the others' for that moment.
    others = sorted(set(numbers(folder.command("SEARCH", "DELETED"))) - set(uids))
    _spare(folder, others)
    try:
        checked(folder.box.client.expunge())
    finally:
        _mark_deleted_again(folder, others)


def _spare(folder: Folder, uids: Sequence[int]) -> None:
    """Unmark mails that others deleted, with a keyword by which the next session knows them if this one breaks here."""
    if not uids:
        return
    if _allows(folder, SPARED):
        try:
            folder.command("STORE", sequence_set(uids), "+FLAGS.SILENT", f"({SPARED})")
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:  # a folder has room for so many keywords
            log.debug("keyword_not_taken", keyword=SPARED, error=error)
    folder.command("STORE", sequence_set(uids), "-FLAGS.SILENT", r"(\Deleted)")


def _mark_deleted_again(folder: Folder, uids: Sequence[int]) -> None:
    if not uids:
        return
    folder.command("STORE", sequence_set(uids), "+FLAGS.SILENT", r"(\Deleted)")
    if _allows(folder, SPARED):
        folder.command("STORE", sequence_set(uids), "-FLAGS.SILENT", f"({SPARED})")


def _delete(folder: Folder, uids: Sequence[int]) -> None:
    flags = rf"(\Deleted {KEYWORD})" if _has_keyword(folder) else r"(\Deleted)"
    try:
        folder.command("STORE", sequence_set(uids), "+FLAGS.SILENT", flags)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:  # a folder has room for so many keywords; deleting needs none
        if not _has_keyword(folder):
            raise
        folder.command("STORE", sequence_set(uids), "+FLAGS.SILENT", r"(\Deleted)")
    expunge(folder, uids)


def _mark(folder: Folder) -> str:
    r"""The flag for a mail that stays: our keyword, or `\Seen` where the folder allows no keywords of clients'."""
    return KEYWORD if _has_keyword(folder) else r"\Seen"


def _has_keyword(folder: Folder) -> bool:
    return _allows(folder, KEYWORD)


def _allows(folder: Folder, keyword: str) -> bool:
    return rb"\*" in folder.permanent_flags or keyword.encode() in folder.permanent_flags
