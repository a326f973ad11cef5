"""Removes recorded mails from an IMAP folder, or marks those that stay."""

import imaplib
from collections.abc import Sequence

from imap_tools.utils import encode_folder

from schemas.reasons import MailboxProblem
from services.fetcher.imap.responses import numbers, sequence_set, short_sets
from services.fetcher.imap.session import Folder, checked
from services.fetcher.ports import FailureKind
from services.fetcher.sources.diagnosis import RefusedError
from services.runtime.logs import get_logger
from services.runtime.settings import IncomingServer, Mailbox

log = get_logger(__name__)

KEYWORD = "$MailcaseRecorded"  # on a recorded mail: one that stays, or one about to be expunged
# On others' deleted mails, which are unmarked while a server without UIDPLUS expunges ours.
SPARED = "$MailcaseSpared"
imaplib.Commands.setdefault("MOVE", ("SELECTED",))  # RFC 6851


class MailRemover:
    """Deletes, moves or flags mails, as the server's settings say.

    Methods raise RefusedError, OSError or IMAP4.error. An interrupted removal leaves a mail
    unchanged, or marked for `finish_interrupted`.
    """

    def __init__(self, mailbox: Mailbox, server: IncomingServer) -> None:
        self._mailbox = mailbox
        self._server = server
        self._removes = server.delete_after_fetch or bool(server.move_to)

    def check_rights(self, folder: Folder) -> None:
        """Refuse a folder that forbids deleting: each session would publish its mails again."""
        if self._removes and folder.permanent_flags and rb"\Deleted" not in folder.permanent_flags:
            hint = f"give the user of mailbox {self._mailbox.name} that right, or set delete_after_fetch = false"
            raise RefusedError(
                "the user may not delete in this folder",
                FailureKind.FOLDER,
                hint,
                problem=MailboxProblem.MAY_NOT_DELETE,
            )

    def describe(self, folder: Folder) -> str:
        if self._server.move_to:
            return f"move to {self._server.move_to}"
        return "delete" if self._server.delete_after_fetch else f"flag with {mark(folder)}"

    def search_key(self, folder: Folder) -> str:
        """The search key for unrecorded mails; "" if recorded mails leave the folder."""
        if self._removes:
            return ""
        return f"UNKEYWORD {KEYWORD}" if _has_keyword(folder) else "UNSEEN"

    def remove(self, folder: Folder, uids: Sequence[int]) -> None:
        if self._server.move_to:
            self._move(folder, uids, self._server.move_to)
        elif self._server.delete_after_fetch:
            _delete(folder, uids)
        else:
            folder.command("STORE", sequence_set(uids), "+FLAGS.SILENT", f"({mark(folder)})")

    def flag_for_person(self, folder: Folder, uids: Sequence[int]) -> bool:
        """Flag these mails for a person; False if the folder does not allow that."""
        if rb"\Flagged" not in folder.permanent_flags:
            return False
        try:
            folder.command("STORE", sequence_set(uids), "+FLAGS.SILENT", r"(\Flagged)")
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:  # the right may be missing although the flag exists
            log.warning("mail_not_flagged", mailbox=self._mailbox.name, error=error)
            return False
        return True

    def finish_interrupted(self, folder: Folder) -> None:
        """Expunge mails that an interrupted session marked; restore others' marks."""
        if "UIDPLUS" not in folder.capabilities and _allows(folder, SPARED):
            _mark_deleted_again(folder, numbers(folder.command("SEARCH", f"KEYWORD {SPARED}")))
        if self._removes and _has_keyword(folder):
            uids = numbers(folder.command("SEARCH", f"DELETED KEYWORD {KEYWORD}"))
            for some in short_sets(uids):
                expunge(folder, some)
            if uids:
                log.info("removals_ended", mailbox=self._mailbox.name, mails=len(uids))

    def _move(self, folder: Folder, uids: Sequence[int], target: str) -> None:
        """Move in one step if the server can (RFC 6851), else copy first and then delete."""
        can_move = "MOVE" in folder.capabilities
        try:
            folder.command(
                "MOVE" if can_move else "COPY",
                sequence_set(uids),
                encode_folder(target).decode("ascii"),
            )
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            remaining = folder.there(uids)
            # Someone else removed some, or the server stopped half-way.
            if len(remaining) < len(uids):
                if remaining:
                    self._move(folder, remaining, target)
                return
            hint = f"create the folder {target!r}, make room in it, or correct server.{self._mailbox.server}.move_to"
            raise RefusedError(
                f"mails cannot be moved to {target}: {error}",
                FailureKind.FOLDER,
                hint,
                problem=MailboxProblem.CANNOT_MOVE,
                answer=str(error),
            ) from error
        if not can_move:
            _delete(folder, uids)


def expunge(folder: Folder, uids: Sequence[int]) -> None:
    """Expunge those of these mails that are marked as deleted, and no others."""
    if "UIDPLUS" in folder.capabilities:
        folder.command("EXPUNGE", sequence_set(uids))
        return
    # Without UIDPLUS, EXPUNGE removes every mail marked as deleted: unmark the others' meanwhile.
    others = sorted(set(numbers(folder.command("SEARCH", "DELETED"))) - set(uids))
    _unmark_deleted(folder, others)
    try:
        checked(folder.box.client.expunge())
    finally:
        _mark_deleted_again(folder, others)


def _unmark_deleted(folder: Folder, uids: Sequence[int]) -> None:
    """Unmark others' deleted mails; by a keyword the next session can restore them."""
    if not uids:
        return
    if _allows(folder, SPARED):
        try:
            folder.command("STORE", sequence_set(uids), "+FLAGS.SILENT", f"({SPARED})")
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:  # folders limit the number of keywords
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
    except imaplib.IMAP4.error:  # folders limit the number of keywords; deleting needs none
        if not _has_keyword(folder):
            raise
        folder.command("STORE", sequence_set(uids), "+FLAGS.SILENT", r"(\Deleted)")
    expunge(folder, uids)


def recorded_key(folder: Folder) -> str:
    """The search key for recorded mails that stay."""
    return f"KEYWORD {KEYWORD}" if _has_keyword(folder) else "SEEN"


def mark(folder: Folder) -> str:
    r"""The flag for a mail that stays: our keyword, or `\Seen` if the folder allows none."""
    return KEYWORD if _has_keyword(folder) else r"\Seen"


def _has_keyword(folder: Folder) -> bool:
    return _allows(folder, KEYWORD)


def _allows(folder: Folder, keyword: str) -> bool:
    return rb"\*" in folder.permanent_flags or keyword.encode() in folder.permanent_flags
