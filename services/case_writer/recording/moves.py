"""What happens to a case after mails moved out of it. Pure."""

from collections.abc import Mapping

from schemas.changes import Actor, Closed, Noted
from services.case_writer.recording.comments import emptied_note
from services.case_writer.recording.documents import Documents, LeftCase
from services.case_writer.recording.history import HistoryEntry

EMPTIED = Actor(kind="rule", id="emptied")


def settle_left_cases(documents: Documents, left: Mapping[int, LeftCase]) -> None:
    """Close each case that lost its last mail, with a note. In the other cases, the oldest mail
    becomes the opening one.
    """
    moved = [replaced for replaced in documents.replaced if replaced.moves]
    for number, to in {replaced.was: replaced.comment.case for replaced in moved}.items():
        came = [comment.id for comment in documents.comments if comment.case == number]
        came += [replaced.key for replaced in moved if replaced.comment.case == number]
        stays = left.get(number) or LeftCase(has_mails=False, has_opener=False, oldest=None)
        if not stays.has_mails and not came:
            _close(documents, number, to)
        elif not stays.has_opener:
            documents.openers.append(stays.oldest or came[0])


def _close(documents: Documents, number: int, to: int) -> None:
    note = emptied_note(number, to, f"{documents.attempt}.{number}", documents.now)
    documents.comments.append(note)
    documents.changes[number].comments += 1
    documents.changes[number].touches = True
    documents.history += [
        HistoryEntry(number, Noted(comment=note.id), EMPTIED),
        HistoryEntry(number, Closed(), EMPTIED),
    ]
