"""After an erasure, no byte of the database shows the person, and all documents are still
consistent.
"""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from bson import BSON
from msgspec import structs

from deploy.local import PrivateServers
from schemas.cases import Decision
from schemas.stored import (
    Attachment,
    Case,
    Comment,
    LimitAlert,
    Mail,
    OutgoingMail,
    Person,
    Sender,
    to_document,
)
from schemas.stored.desk import AuditEntry, Draft, IdempotentReply, SavedView, Upload, User
from schemas.stored.webhooks import Attempt, Delivery
from services.case_writer.housekeeping.blob_sweep import Sweeper
from services.casework import actions
from services.casework.erasure.case_eraser import CaseEraser
from services.casework.erasure.eraser import Eraser
from services.casework.persistence.repository import CaseRepository
from services.cli.audit.checks import Auditor
from services.runtime.errors import TransientError
from services.runtime.settings import Field, Process
from services.runtime.store.blobs import CHUNKS, FILES, Blobs
from services.runtime.store.mongo import Store
from tests.integration.casework.test_casework import (
    assert_histories_hold,
    comment,
    mail_key,
    open_case,
)
from tests.unit.casework.builders import ANNA, INVOICES, OPERATOR
from tests.unit.sender.builders import outgoing

JAN = "Jan.Kowalski@customer.example"
NAME = "Jan Kowalski"
PHRASES = (
    "My knee has hurt since the accident in March.",
    "Please pay to my sister's account.",
    "I live at Long Street 7.",
)
PROCESSES = {
    "invoices": Process(
        name="invoices",
        title="Invoices",
        stages=INVOICES.stages,
        fields=(Field(name="claimant", personal=True), Field(name="note")),
    )
}


@pytest.fixture
async def store(servers: PrivateServers) -> AsyncIterator[Store]:
    async with Store.opened(servers.store.url, f"test_{uuid.uuid4().hex[:12]}") as store:
        await CaseRepository(store, PROCESSES).ensure_indexes()
        yield store


async def every_byte(store: Store) -> bytes:
    """All documents of all collections, including chunks of blobs."""
    names = [
        *("cases", "changes", "comments", "threads", "mails", "outbox", "senders", "automatic"),
        *("blobs.files", "blobs.chunks", "counters", "discards"),
        *("users", "sessions", "tokens", "links", "devices", "audit_log", "drafts", "uploads"),
        *("views", "webhooks", "deliveries", "idempotent_replies"),
    ]
    found = [document for name in names for document in await store.collection(name).find({})]
    return b"\n".join(BSON.encode(document) for document in found)


async def attach(store: Store, key: str, content: bytes, name: str) -> None:
    blob = await Blobs(store).put(content)
    one = Attachment(
        name=name,
        content_type="text/plain",
        size=blob.size,
        sha256=blob.sha256,
        inline=False,
        content_id=None,
        blob=blob.sha256,
    )
    change: dict[str, Any] = {"$push": {"attachments": to_document(one)}}
    await store.collection(Comment.COLLECTION).update({"_id": key}, change)
    await store.collection(Case.COLLECTION).update({"_id": 1}, {"$inc": {"attachment_count": 1}})


@pytest.fixture
async def worked(store: Store) -> Store:
    """A case of Jan's with an answer that quotes Jan, a case of someone else, and a parked mail
    from Jan.
    """
    comments, cases = store.collection(Comment.COLLECTION), store.collection(Case.COLLECTION)
    await open_case(
        store, 1, mails=("a", "b"), opened_by=Person(NAME, JAN), participants=[JAN, "ola@x.example"]
    )
    await open_case(store, 2)
    by_jan = {
        "author": {"name": NAME, "address": JAN},
        "text": "\n".join(PHRASES),
        "full_text": "\n".join(PHRASES),
    }
    await comments.update(
        {"_id": mail_key(1, "a")}, {"$set": by_jan | {"html": f"<p>{PHRASES[0]}</p>"}}
    )
    quoting = "> " + "\n> ".join(PHRASES)
    by_other = {
        "text": f"Dear {NAME}, thank you.",
        "full_text": f"Dear {NAME}, thank you.\n{quoting}",
    }
    await comments.update({"_id": mail_key(1, "b")}, {"$set": by_other})
    await attach(store, mail_key(1, "a"), f"signed {NAME}".encode(), f"{NAME}.txt")
    await attach(store, mail_key(1, "b"), b"price list", "prices.txt")
    repository = CaseRepository(store, PROCESSES)
    await repository.act(1, actions.SetTitle(title=f"Claim of {NAME}"), OPERATOR)
    await repository.act(
        1, actions.SetFields(fields={"claimant": NAME, "note": f"ask {NAME}"}), OPERATOR
    )
    await repository.act(1, actions.AddNote(text=f"Called {NAME.upper()} at home."), OPERATOR)
    now = datetime.now(UTC).replace(microsecond=0)
    waiting = outgoing(
        id="ack 1",
        case=1,
        to=[JAN],
        remaining=[JAN],
        text=f"Dear {NAME}",
        caused_by=mail_key(1, "a"),
    )
    await store.collection(OutgoingMail.COLLECTION).insert([to_document(waiting)])
    raw = await Blobs(store).put(
        f"From: {NAME} <{JAN}>\r\nSubject: x\r\n\r\n{PHRASES[1]}\r\n".encode()
    )
    parked = to_document(_parked(raw.sha256, now))
    await store.collection(Mail.COLLECTION).insert([parked])
    limits = Sender(
        id=f"invoices {JAN.lower()}", times=[now], alerted_at=None, version=1, expires_at=now
    )
    await store.collection(Sender.COLLECTION).insert([to_document(limits)])
    assert await cases.count({}) == 2
    await work_at_the_desk(store, now)
    await age_contents(store)
    return store


async def age_contents(store: Store) -> None:
    """Make all contents older than those that a writer may hold."""
    old = {"uploadDate": datetime.now(UTC) - timedelta(days=2)}
    await store.collection(FILES).update_all({}, {"$set": old})


async def work_at_the_desk(store: Store, now: datetime) -> None:
    """What the desk stores about people who work on Jan's case."""
    kept = await Blobs(store).put(f"statement of {NAME}".encode())
    later = now + timedelta(days=1)
    documents: list[Any] = [
        AuditEntry(
            id="1",
            at=now,
            actor="anna@office.example",
            address="192.0.2.1",
            what="attachment-downloaded",
            object=f"case 1 {NAME}.txt",
            expires_at=later,
        ),
        Draft(
            id="1 answer anna@office.example",
            case=1,
            kind="answer",
            owner="anna@office.example",
            text=f"Dear {NAME}, you wrote: {PHRASES[2]}",
            subject=f"Claim of {NAME}",
            to=[JAN, "ola@x.example"],
            at=now,
            revision=1,
        ),
        SavedView(
            id="v1",
            owner="anna@office.example",
            name="Claims",
            path="/all?text=Jan+Kowalski",
            at=now,
        ),
        SavedView(id="v2", owner="anna@office.example", name=NAME, path="/mine", at=now),
        Upload(
            id="u1",
            owner="anna@office.example",
            case=1,
            name="statement.txt",
            content_type="text/plain",
            size=kept.size,
            blob=kept.sha256,
            at=now,
            expires_at=later,
        ),
        IdempotentReply(
            id="r1",
            request="0" * 64,
            at=now,
            expires_at=later,
            status=201,
        ),
        Delivery(
            id="d1",
            webhook="w1",
            event="1.1",
            type="mailcase.case.opened.v1",
            case=1,
            revision=1,
            process="invoices",
            time=now,
            due_at=now,
            attempts=[Attempt(at=now, duration_ms=5, status=200, answer=f"thanks, {JAN}")],
            created_at=now,
            expires_at=later,
        ),
    ]
    for document in documents:
        await store.collection(document.COLLECTION).insert([to_document(document)])
    # As the desk keeps it: bytes, with the escapes of JSON.
    answer = {"comment": {"text": f'"{PHRASES[1]}"', "of": [NAME]}}
    await store.collection(IdempotentReply.COLLECTION).update(
        {"_id": "r1"}, {"$set": {"body": msgspec.json.encode(answer)}}
    )


def _parked(raw: str, now: datetime) -> Mail:

    return Mail(
        id="f" * 64,
        mailbox="invoices",
        process="invoices",
        outcome="parked",
        case=None,
        reason="spam",
        decision=Decision(rule="spam", evidence=[f"from {JAN}"]),
        deliveries=1,
        raw=raw,
        received_at=now,
        recorded_at=now,
        written_by="test",
        alert=LimitAlert("sender", JAN),
    )


async def test_nothing_of_the_person_is_left_and_the_audit_is_clean(worked: Store) -> None:
    before = (await every_byte(worked)).lower()
    traces = [text.lower().encode() for text in (NAME, JAN, *PHRASES)]
    assert all(trace in before for trace in traces)
    report = await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    after = (await every_byte(worked)).lower()
    assert [trace for trace in traces if trace in after] == []
    assert (report.cases, report.comments, report.outgoing, report.mails) == ([1], 3, 1, 1)
    assert (report.desk_records, report.account) == (7, None)
    assert [
        finding async for finding in Auditor(worked, deep=True).findings() if not finding.harmless
    ] == []
    await assert_histories_hold(worked)


async def test_what_the_desk_keeps_for_others_stays(worked: Store) -> None:
    await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    draft = await worked.collection(Draft.COLLECTION).find_one({})
    assert draft is not None
    assert (draft["to"], draft["text"]) == (
        ["ola@x.example"],
        "Dear [erased], you wrote: [erased]",
    )
    views = await worked.collection(SavedView.COLLECTION).find({})
    assert [(view["_id"], view["name"], view["path"]) for view in views] == [
        ("v2", "[erased]", "/mine")
    ]
    reply = await worked.collection(IdempotentReply.COLLECTION).find_one({})
    assert reply is not None
    assert (reply["status"], reply["body"]) == (201, b"{}")


async def test_an_account_of_the_address_is_reported_and_stays(worked: Store) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    user = User(id=JAN.lower(), name=NAME, created_at=now)
    entry = AuditEntry(
        id="2",
        at=now,
        actor="cli:root",
        address="",
        what="user-added",
        object=user.id,
        expires_at=now + timedelta(days=1),
    )
    documents: list[Any] = [user, entry]
    for document in documents:
        await worked.collection(document.COLLECTION).insert([to_document(document)])
    report = await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    assert report.account == user.id
    assert await worked.collection(User.COLLECTION).find_one({}) == to_document(user)
    kept = await worked.collection(AuditEntry.COLLECTION).find_one({"_id": "2"})
    assert kept is not None
    assert kept["object"] == user.id


async def test_what_belongs_to_others_stays(worked: Store) -> None:
    await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    case = await CaseRepository(worked, PROCESSES).case(1)
    assert case is not None
    assert case.participants == ["ola@x.example"]
    assert (case.comment_count, case.attachment_count) == (3, 2)
    other = await worked.collection(Comment.COLLECTION).find_one({"_id": mail_key(1, "b")})
    assert other is not None
    assert other["text"] == "Dear [erased], thank you."
    assert [attachment["name"] for attachment in other["attachments"]] == ["prices.txt"]
    untouched = await worked.collection(Comment.COLLECTION).find_one({"_id": mail_key(2, "a")})
    assert untouched is not None
    assert untouched == to_document(comment(mail_key(2, "a"), 2, untouched["at"]))


async def test_the_data_of_someone_with_a_longer_address_stays(worked: Store) -> None:
    """Also if their case is looked through, because it contains the shorter one."""
    marjan = f"mar{JAN}"
    await open_case(
        worked, 3, opened_by=Person("Marjan", marjan), participants=[marjan, f"{JAN}.pl"]
    )
    text = {"author.address": marjan, "text": marjan, "full_text": f"From {marjan}, {JAN}.pl"}
    comments = worked.collection(Comment.COLLECTION)
    await comments.update({"_id": mail_key(3, "a")}, {"$set": text})
    waiting = outgoing(id="ack 3", case=3, to=[marjan], remaining=[marjan])
    await worked.collection(OutgoingMail.COLLECTION).insert([to_document(waiting)])
    names = ("cases", "comments", "outbox", "changes")

    async def documents() -> list[Any]:
        found = [await worked.collection(name).find({}) for name in names]
        return [each for part in found for each in part if 3 in {each["_id"], each.get("case")}]

    before = await documents()
    report = await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    assert 3 not in report.cases
    assert await documents() == before
    assert len(before) > 3


async def test_a_dry_run_counts_the_same_and_changes_nothing(worked: Store) -> None:
    before = await every_byte(worked)
    counted = await Eraser(worked, PROCESSES).erase(JAN, ANNA, dry_run=True)
    assert await every_byte(worked) == before
    done = await Eraser(worked, PROCESSES).erase(JAN.upper(), ANNA)
    assert (counted.cases, counted.comments, counted.mails, counted.desk_records) == (
        done.cases,
        done.comments,
        done.mails,
        done.desk_records,
    )


async def test_erasing_again_finds_nothing(worked: Store) -> None:
    await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    again = await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    assert again.desk_records == 0
    assert (again.cases, again.comments, again.outgoing, again.mails, again.blobs) == (
        [],
        0,
        0,
        0,
        0,
    )


async def test_the_count_of_an_address_goes_whichever_of_its_tags_is_erased(worked: Store) -> None:
    local, _, domain = JAN.partition("@")
    await Eraser(worked, PROCESSES).erase(f"{local}+orders@{domain}", ANNA)
    assert await worked.collection(Sender.COLLECTION).find({}) == []


async def test_a_mail_that_was_about_to_go_to_the_person_is_not_sent(worked: Store) -> None:
    await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    mail = await worked.collection(OutgoingMail.COLLECTION).find_one({"_id": "ack 1"})
    assert mail is not None
    assert (mail["state"], mail["remaining"]) == ("suppressed", [])


async def test_cases_closed_longer_ago_than_their_process_keeps_them_are_emptied(
    worked: Store,
) -> None:
    keeping = {"invoices": structs.replace(PROCESSES["invoices"], retention_days=30)}
    await CaseRepository(worked, PROCESSES).act(1, actions.Close(), OPERATOR)
    now = datetime.now(UTC)
    assert (await Eraser(worked, keeping).retire(now + timedelta(days=29), ANNA)).cases == []
    later = now + timedelta(days=31)
    counted = await Eraser(worked, keeping).retire(later, ANNA, dry_run=True)
    done = await Eraser(worked, keeping).retire(later, ANNA)
    assert (counted.cases, done.cases, done.comments) == ([1], [1], 3)
    assert (await Eraser(worked, keeping).retire(later, ANNA)).cases == []
    left = (await every_byte(worked)).lower()
    in_parked_mail = PHRASES[1].lower().encode()
    traces = [text.lower().encode() for text in (*PHRASES, "price list", "at home")]
    assert [trace for trace in traces if trace in left] == [in_parked_mail]
    assert [finding async for finding in Auditor(worked).findings() if not finding.harmless] == []
    await assert_histories_hold(worked)


async def test_a_blob_that_another_case_refers_to_stays(worked: Store) -> None:
    await attach(worked, mail_key(2, "a"), b"shared contract", "contract.txt")
    await worked.collection(Case.COLLECTION).update({"_id": 1}, {"$inc": {"attachment_count": -1}})
    await worked.collection(Case.COLLECTION).update({"_id": 2}, {"$inc": {"attachment_count": 1}})
    await attach(worked, mail_key(1, "a"), b"shared contract", "contract.txt")
    await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    assert [finding async for finding in Auditor(worked).findings() if not finding.harmless] == []
    kept = await worked.collection(Comment.COLLECTION).find_one({"_id": mail_key(2, "a")})
    assert kept is not None
    assert await Blobs(worked).get(kept["attachments"][0]["blob"]) == b"shared contract"


@pytest.mark.parametrize("is_used", [True, False])
async def test_a_content_that_a_writer_may_hold_is_left_to_the_sweep(
    worked: Store, is_used: bool
) -> None:
    await attach(worked, mail_key(1, "a"), b"a logo", "logo.txt")
    await age_contents(worked)
    held = await Blobs(worked).put(b"a logo")  # by a case writer, for a new mail
    done = await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    assert (done.blobs > 0, done.blobs_later) == (True, 1)
    if is_used:
        blob = {"$set": {"original": held.sha256}}
        await worked.collection(Comment.COLLECTION).update({"_id": mail_key(2, "a")}, blob)
    left = []
    for hours in (1, 9):
        async for _ in Sweeper(worked).pages(datetime.now(UTC) + timedelta(hours=hours)):
            pass
        left.append(await worked.collection(FILES).count({"_id": held.sha256}))
    assert left == [1, is_used]


async def test_files_that_are_missing_or_damaged_do_not_prevent_an_erasure(worked: Store) -> None:
    await worked.collection(CHUNKS).delete({})
    done = await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    assert (done.cases, done.comments) == ([1], 3)
    left = (await every_byte(worked)).lower()
    assert [text for text in PHRASES if text.lower().encode() in left] == []


async def test_an_erasure_that_was_interrupted_is_completed_by_another(
    worked: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = {"$set": {"text": f"{NAME} wrote.", "full_text": f"{NAME} wrote from {JAN}."}}
    await worked.collection(Comment.COLLECTION).update({"_id": mail_key(2, "a")}, text)
    erase = CaseEraser.erase
    begun: list[int] = []

    async def erase_one(self: CaseEraser, number: int, *more: Any) -> None:
        if begun:
            raise TransientError("no primary")
        begun.append(number)
        await erase(self, number, *more)

    with monkeypatch.context() as patched:
        patched.setattr(CaseEraser, "erase", erase_one)
        with pytest.raises(TransientError):
            await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    await Eraser(worked, PROCESSES).erase(JAN, ANNA)
    left = (await every_byte(worked)).lower()
    assert [text for text in (JAN, NAME, *PHRASES) if text.lower().encode() in left] == []
