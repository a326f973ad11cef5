"""The documents and events of a planned batch."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import msgspec
import pytest

from schemas.cases import Decision
from schemas.changes import MailAdded, Opened
from schemas.events import MailIgnored, MailParked
from schemas.mails import BlobRef, Replay
from schemas.stored import NO_SUBJECT, Person, to_document
from services.case_writer.placement.plan import PreparedMail
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot import CaseSnapshot, RecordedMail, Snapshot
from services.case_writer.preparation import stored_attachment
from services.case_writer.reading import Attachment
from services.case_writer.recording.builder import TransactionContext, build_documents
from services.case_writer.recording.documents import Documents
from services.case_writer.recording.events import events_again
from services.runtime.errors import PermanentError
from tests.builders import (
    ANNA,
    JAN,
    NOW,
    OFFICE,
    STAGES,
    appending,
    ignoring,
    item,
    opened,
    opening,
    parking,
    reading,
)

LATER = NOW + timedelta(seconds=3)
FILE = Attachment(
    name="a.txt",
    original_name="../a.txt",
    content_type="text/plain",
    content=b"abc",
    sha256="a" * 64,
    flags=["damaged"],
)
PICTURE = Attachment(
    name="b.png",
    original_name=None,
    content_type="image/png",
    content=b"png",
    sha256="b" * 64,
    inline=True,
    content_id="b@x",
)
FILE_BLOB, PICTURE_BLOB = BlobRef(sha256="a" * 64, size=3), BlobRef(sha256="b" * 64, size=3)
WHOLE = BlobRef(sha256="e" * 64, size=999)


def build(items: Sequence[PreparedMail], first_number: int = 235, **known: Any) -> Documents:
    writing = TransactionContext(LATER, "attempt", first_number, STAGES)
    return build_documents(plan(items, Snapshot(**known), attempt="attempt"), writing)


def known_case(process: str = "invoices") -> dict[int, CaseSnapshot]:
    return {5: CaseSnapshot(process, "approval", "open", "Old title", frozenset([ANNA.address]))}


def with_files(command: Any, *, original: BlobRef | None = None, **read: Any) -> PreparedMail:
    attachments = (stored_attachment(FILE, FILE_BLOB), stored_attachment(PICTURE, PICTURE_BLOB))
    return PreparedMail(command, reading(**read), attachments, original)


def test_a_mail_becomes_a_case_a_comment_an_outcome_and_an_event() -> None:
    mail = item(
        opening("m", received_at=NOW - timedelta(hours=1)),
        "<a@x.example>",
        recipients=[OFFICE, JAN],
    )
    built = build([mail])
    [case], [comment], [outcome], [entry] = built.cases, built.comments, built.mails, built.history
    received = NOW - timedelta(hours=1)
    assert to_document(case) == {
        "_id": 235,
        "process": "invoices",
        "stage": "registration",
        "status": "open",
        "title": "Invoice 17",
        "mailbox": "invoices",
        "opened_at": received,
        "updated_at": LATER,
        "opened_by": {"name": "Anna Nowak", "address": "anna@customer.example"},
        "participants": [ANNA.address, OFFICE.address, JAN.address],
        "comment_count": 1,
        "attachment_count": 0,
        "refers_to": None,
        "revision": 0,
        "stage_since": None,
        "assignee": None,
        "due_at": None,
        "overdue_at": None,
        "fields": {},
        "flags": [],
        "merged_into": None,
        "closed_at": None,
        "candidates": {},
        "links": [],
        "mail_flags": {},
    }
    assert to_document(comment) == {
        "_id": mail.key,
        "case": 235,
        "kind": "mail",
        "at": received,
        "sent_at": NOW,
        "author": {"name": "Anna Nowak", "address": "anna@customer.example"},
        "subject": "Invoice 17",
        "text": "Hello",
        "full_text": "Hello",
        "html": None,
        "message_id": "<a@x.example>",
        "in_reply_to": None,
        "attachments": [],
        "original": None,
        "flags": [],
        "failure": None,
    }
    assert to_document(outcome) == {
        "_id": mail.key,
        "mailbox": "invoices",
        "process": "invoices",
        "outcome": "opened",
        "case": 235,
        "reason": None,
        "decision": to_document(Decision(rule="new-case")),
        "deliveries": 1,
        "raw": None,
        "received_at": received,
        "recorded_at": LATER,
        "written_by": "attempt",
        "discarded": None,
        "rederived_at": None,
        "moved_from": None,
        "counted_by": None,
        "placed_by": None,
        "reopened": False,
        "alert": None,
        "refers_to": None,
    }
    assert (entry.case, entry.mail_key, entry.actor.kind) == (235, mail.key, "mail")
    assert entry.what == Opened(
        process="invoices",
        stage="registration",
        title="Invoice 17",
        mailbox="invoices",
        opened_at=received,
        comment=mail.key,
    )
    assert [(thread.case, thread.claimed_by) for thread in built.threads] == [(235, mail.key)]


def test_without_the_server_s_time_the_time_of_fetching_counts() -> None:
    built = build([opened("m")])
    assert (built.cases[0].opened_at, built.comments[0].at, built.mails[0].received_at) == (
        NOW,
        NOW,
        None,
    )


@pytest.mark.parametrize(("subject", "title"), [("", NO_SUBJECT), ("Zażółć", "Zażółć")])
def test_the_title_is_the_subject_or_says_that_there_is_none(subject: str, title: str) -> None:
    built = build([opened("m", subject=subject)])
    assert (built.cases[0].title, built.comments[0].subject) == (title, subject)


def test_new_cases_are_numbered_in_the_order_of_the_batch() -> None:
    built = build([opened("one"), opened("two"), opened("three")], first_number=7)
    assert [case.number for case in built.cases] == [7, 8, 9]
    assert [comment.case for comment in built.comments] == [7, 8, 9]


def test_a_new_case_counts_everything_that_the_batch_adds_to_it() -> None:
    first = with_files(opening("one"), message_id="<a@x.example>", original=WHOLE)
    second = with_files(opening("two", thread_ids=["<a@x.example>"]))
    built = build([first, second, opened("other")])
    assert [(case.comment_count, case.attachment_count) for case in built.cases] == [(2, 5), (1, 0)]
    assert [type(change.what) for change in built.history] == [Opened, MailAdded, Opened]
    assert [mail.outcome for mail in built.mails] == ["opened", "appended", "opened"]
    assert built.changes == {}


def test_an_existing_case_is_changed_by_all_mails_of_the_batch_together() -> None:
    mails = [
        with_files(appending("one", 5, signed=[5]), recipients=[JAN]),
        with_files(appending("two", 5, signed=[5]), original=WHOLE),
    ]
    built = build(mails, cases=known_case())
    change = built.changes[5]
    assert (change.comments, change.attachments, change.participants) == (
        2,
        5,
        [JAN.address, OFFICE.address],
    )
    assert built.cases == []
    assert [mail.outcome for mail in built.mails] == ["appended", "appended"]


def test_an_attachment_keeps_what_is_known_of_it() -> None:
    [comment] = build([with_files(opening("m"))]).comments
    plain, inline = (to_document(attachment) for attachment in comment.attachments)
    assert plain == {
        "name": "a.txt",
        "content_type": "text/plain",
        "size": 3,
        "sha256": "a" * 64,
        "inline": False,
        "content_id": None,
        "blob": "a" * 64,
        "original_name": "../a.txt",
        "flags": ["damaged"],
    }
    assert (inline["inline"], inline["content_id"], inline["original_name"]) == (True, "b@x", None)


def test_a_kept_original_is_an_attachment_and_known_as_the_original() -> None:
    [comment] = build([with_files(opening("m"), original=WHOLE)]).comments
    last = comment.attachments[-1]
    assert comment.original == WHOLE.sha256
    assert (last.name, last.content_type, last.size, last.flags) == (
        "original.eml",
        "message/rfc822",
        999,
        ["original"],
    )


def test_what_was_wrong_with_a_mail_comes_before_what_is_wrong_with_its_place() -> None:
    mail = item(appending("m", 5), author=JAN, defects=["text-shortened"])
    assert build([mail], cases=known_case()).comments[0].flags == [
        "text-shortened",
        "unverified-sender",
    ]


@pytest.mark.parametrize(
    ("command", "outcome", "reason", "event"),
    [
        (parking("m"), "parked", "virus", MailParked),
        (ignoring("m"), "ignored", "loop", MailIgnored),
    ],
)
def test_a_parked_mail_keeps_its_bytes_and_reason(
    command: Any, outcome: str, reason: str, event: type
) -> None:
    built = build([item(command)])
    [mail] = built.mails
    assert (mail.outcome, mail.reason, mail.case, mail.raw) == (outcome, reason, None, "f" * 64)
    assert [type(event) for event in built.events] == [event]
    assert (built.cases, built.comments, built.threads) == ([], [], [])


def test_a_replayed_mail_starts_without_deliveries() -> None:
    assert build([item(opening("m", origin="replay"))]).mails[0].deliveries == 0


def test_an_appended_mail_is_an_entry_in_the_history_of_its_case() -> None:
    built = build([item(appending("m", 5))], cases=known_case("claims"))
    [entry] = built.history
    assert (entry.case, entry.what) == (5, MailAdded(comment=built.mails[0].id))
    assert built.mails[0].process == "invoices"


def test_a_process_without_a_stage_is_a_permanent_error() -> None:
    with pytest.raises(PermanentError, match="no process 'gone'"):
        build([item(opening("m", process="gone"))])


class TestEventsAgain:
    MAIL = opening("m").mail
    ABOUT: ClassVar[dict[str, Any]] = {
        "mail_key": MAIL.key,
        "mailbox": "invoices",
        "process": "invoices",
        "at": NOW,
    }

    def again(self, outcome: Any, case: int | None = 5, reason: str | None = None) -> Any:
        return events_again(self.MAIL, RecordedMail(outcome, "invoices", case, reason, "someone"))

    def test_a_mail_without_a_case_has_its_event(self) -> None:
        assert self.again("parked", None, "virus") == [MailParked(reason="virus", **self.ABOUT)]
        assert self.again("ignored", None, "loop") == [MailIgnored(reason="loop", **self.ABOUT)]

    def test_what_happened_to_a_case_is_in_its_history(self) -> None:
        assert self.again("opened") == []
        assert self.again("appended") == []

    @pytest.mark.parametrize(
        ("placed_by", "news"), [("r", [MailParked]), ("earlier", []), (None, [])]
    )
    def test_a_replay_publishes_again_only_what_it_placed_itself(
        self, placed_by: str | None, news: list[type]
    ) -> None:
        mail = msgspec.structs.replace(
            self.MAIL, origin="replay", replay=Replay(run="r", rederive=True, move=True)
        )
        recorded = RecordedMail("parked", "invoices", None, "spam", "someone", placed_by=placed_by)
        assert [type(event) for event in events_again(mail, recorded)] == news

    def test_it_equals_the_first_one(self) -> None:
        mail = item(parking("m"))
        recorded = RecordedMail("parked", "invoices", None, "virus", "someone")
        assert events_again(mail.command.mail, recorded) == build([mail]).events


def test_a_decision_is_stored_as_it_was_made() -> None:
    mail = item(appending("m", 5, thread_ids=["<a@x.example>"]))
    decision = Decision(rule="case-reference", cases=[5], thread_ids=["<a@x.example>"])
    assert build([mail], cases=known_case()).mails[0].decision == decision


def test_a_person_without_a_name_is_stored_with_an_empty_one() -> None:
    assert build([opened("m", author=OFFICE)]).cases[0].opened_by == Person("", OFFICE.address)
