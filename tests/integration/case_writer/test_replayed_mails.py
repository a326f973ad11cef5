"""Replayed mails in a real database: correct documents stay unchanged, and derived fields are
replaced in place.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from deploy.local import PrivateServers
from schemas.archived_events import decode_archived_events
from schemas.case_ref import CaseReference
from schemas.cases import Command
from schemas.codec import decode_replayed
from schemas.events import CaseMoved, ReplayEffect
from schemas.mails import BlobRef, RawMail, Replay, mail_key
from services.case_writer.batch import ReceivedCommand
from services.casework import actions
from services.casework.persistence.repository import CaseRepository
from services.cli.audit.checks import Auditor
from services.router.policy import Policy
from services.router.service import decide
from services.runtime.settings import Process, Stage
from tests.builders import EVE, JAN, raw_bytes, raw_mail
from tests.integration.case_writer.test_case_writer import Observed, case_writer, cases, database
from tests.unit.casework.builders import OPERATOR
from tests.writers import handle

__all__ = ["cases", "database"]  # fixtures of the file next to this one

KNOWING = Policy(reference=CaseReference("Case"))  # without it, [Case #1] is not a reference
COLLECTIONS = (
    "cases",
    "changes",
    "comments",
    "mails",
    "threads",
    "counters",
    "senders",
    "blobs.files",
    "blobs.chunks",
)

Dump = dict[str, dict[Any, dict[str, Any]]]


async def dump(observed: Observed) -> Dump:
    return {name: await observed.all(name) for name in COLLECTIONS}


def mail(
    text: str, *, subject: str = "Invoice 17", message_id: str = "", answers: str = "", **more: Any
) -> RawMail:
    headers = f"Message-ID: <{message_id or text.replace(' ', '.')}@x.example>\r\n"
    headers += f"In-Reply-To: <{answers}@x.example>\r\n" if answers else ""
    raw = raw_bytes(text, subject=subject, headers=headers, **more)
    return raw_mail(raw, key=mail_key("invoices", raw))


async def write(
    servers: PrivateServers, database: str, mails: Sequence[RawMail], policy: Policy | None = None
) -> list[ReplayEffect]:
    """Plan and write the mails in small batches; returns the effects that are reported
    to a replay.
    """
    commands: list[Command] = [decide(mail, policy or Policy()) for mail in mails]
    async with case_writer(servers.store.url, database) as (writer, outlet):
        for start in range(0, len(commands), 5):
            await handle(
                writer, [ReceivedCommand(command, False) for command in commands[start : start + 5]]
            )
        replayed = [
            decode_replayed(message.body)
            for message in outlet.published
            if message.routing_key == "mail.replayed.r"
        ]
        return [effect for placement in replayed for effect in placement.effects]


def replayed(one: RawMail, **wanted: Any) -> RawMail:
    return structs.replace(one, origin="replay", replay=Replay(run="r", **wanted))


async def rederive(
    servers: PrivateServers,
    database: str,
    mails: Sequence[RawMail],
    *,
    move: bool = False,
    policy: Policy | None = None,
) -> list[tuple[str, int | None]]:
    again = [replayed(mail, rederive=True, move=move) for mail in mails]
    return [
        (effect.effect, effect.case) for effect in await write(servers, database, again, policy)
    ]


async def assert_all_is_well(observed: Observed) -> None:
    assert [
        finding async for finding in Auditor(observed.store).findings() if not finding.harmless
    ] == []


async def test_the_archive_replayed_twice_and_shuffled_changes_nothing(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    chance = random.Random(5)
    opening = [mail(f"m {number}", subject=f"Order {number}") for number in range(20)]
    later = [mail(f"late {number}", answers=f"m.{number}") for number in range(10)]
    later += [
        mail(f"ref {number}", subject=f"RE: [#{number + 1}]", sender=EVE) for number in range(10)
    ]
    spam = Policy(spam="park")
    bad = mail("spam")
    bad = structs.replace(bad, raw=b"X-Spam-Flag: YES\r\n" + (bad.raw or b""))
    await write(servers, database, opening, spam)
    await write(servers, database, [*later, bad], spam)
    await write(servers, database, [opening[3]], spam)  # delivered twice
    before = await dump(cases)
    assert len(before["mails"]) == 41
    replays = [replayed(mail) for mail in [*later, bad, *opening]]  # replies before openings
    twice = [*replays, *chance.sample(replays, k=len(replays))]
    halves = await asyncio.gather(*(write(servers, database, twice[start::2]) for start in (0, 1)))
    assert {effect.effect for half in halves for effect in half} == {"unchanged"}
    assert await dump(cases) == before


async def test_what_a_repaired_reader_reads_replaces_what_was_derived_and_nothing_else(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    first, reply = mail("first", subject="Faktura"), mail("reply", answers="first")
    await write(servers, database, [first, reply])
    right = await dump(cases)
    comments, store = cases.store.collection("comments"), cases.store
    garbled = {"text": "garbled", "subject": "F?ktura", "flags": ["charset-guessed"]}
    await comments.update({"_id": first.key}, {"$set": garbled})
    await store.collection("cases").update({"_id": 1}, {"$set": {"title": "F?ktura"}})
    stages = (Stage(name="registration", initial=True, next=("approval",)), Stage(name="approval"))
    worker = CaseRepository(
        store, {"invoices": Process(name="invoices", title="Invoices", stages=stages)}
    )
    for action in (actions.Move(stage="approval"), actions.Close()):
        await worker.act(1, action, OPERATOR)
    worked = await dump(cases)
    await comments.insert(
        [right["comments"][reply.key] | {"_id": "note", "kind": "note", "text": "a person's"}]
    )
    await store.collection("cases").update({"_id": 1}, {"$inc": {"comment_count": 1}})
    assert await rederive(servers, database, [first, reply]) == [("rederived", 1), ("unchanged", 1)]
    now = await dump(cases)
    assert now["comments"][first.key] == right["comments"][first.key]
    case = now["cases"][1]
    assert (case["title"], case["stage"], case["status"]) == ("Faktura", "approval", "closed")
    assert case["updated_at"] == worked["cases"][1]["updated_at"]
    assert now["comments"]["note"]["text"] == "a person's"
    assert now["mails"][first.key]["rederived_at"] is not None
    assert now["mails"][reply.key] == right["mails"][reply.key]
    assert await rederive(servers, database, [first, reply]) == [("unchanged", 1), ("unchanged", 1)]
    assert await dump(cases) == now
    await assert_all_is_well(cases)


async def test_a_title_that_a_person_gave_is_his(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    first = mail("first", subject="Faktura")
    await write(servers, database, [first])
    await cases.store.collection("comments").update(
        {"_id": first.key}, {"$set": {"subject": "F?ktura"}}
    )
    await cases.store.collection("cases").update({"_id": 1}, {"$set": {"title": "The broken lamp"}})
    assert await rederive(servers, database, [first]) == [("rederived", 1)]
    assert (await cases.all("cases"))[1]["title"] == "The broken lamp"


async def test_a_mail_whose_number_was_overlooked_moves_when_asked_and_its_emptied_case_is_closed_with_a_note(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    first, lost = mail("first"), mail("lost", subject="RE: [Case #1] more", sender=JAN)
    await write(servers, database, [first])
    await write(servers, database, [lost])
    assert (await cases.all("mails"))[lost.key]["case"] == 2
    before = await dump(cases)
    assert await rederive(servers, database, [lost], policy=KNOWING) == [("differs", 1)]
    assert await dump(cases) == before
    assert await rederive(servers, database, [lost], move=True, policy=KNOWING) == [("moved", 1)]
    now = await dump(cases)
    assert (now["comments"][lost.key]["case"], now["mails"][lost.key]["outcome"]) == (1, "appended")
    assert (now["cases"][1]["comment_count"], now["cases"][2]["status"]) == (2, "closed")
    [note] = [comment for comment in now["comments"].values() if comment["kind"] == "note"]
    assert (note["case"], note["flags"], "case 1" in note["text"]) == (2, ["emptied"], True)
    assert now["threads"]["invoices <lost@x.example>"]["case"] == 1
    await assert_all_is_well(cases)
    assert await rederive(servers, database, [lost], move=True, policy=KNOWING) == [
        ("unchanged", 1)
    ]
    assert await dump(cases) == now


async def test_a_move_is_reported_again_if_the_writer_died_before_reporting_it(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    first, lost = mail("first"), mail("lost", subject="RE: [Case #1] more", sender=JAN)
    await write(servers, database, [first])
    await write(servers, database, [lost])
    await rederive(servers, database, [lost], move=True, policy=KNOWING)
    command = decide(replayed(lost, rederive=True, move=True), KNOWING)
    async with case_writer(servers.store.url, database) as (writer, outlet):
        await handle(writer, [ReceivedCommand(command, redelivered=True)])
    moved = [
        message for message in outlet.published if message.tag == "mailcase.case.mail-moved.v1"
    ]
    [event] = [event for message in moved for event in decode_archived_events(message.body)]
    assert isinstance(event, CaseMoved)
    assert (event.mail_key, event.was, event.case) == (lost.key, 2, 1)


async def test_a_parked_mail_placed_by_a_replay_is_reported_again_if_the_writer_died_before_reporting_it(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    denied = mail("denied", sender=EVE)
    strict = Policy(allow_senders=frozenset({"anna@customer.example"}))
    await write(servers, database, [denied], strict)
    command = decide(replayed(denied, rederive=True, move=True), Policy())
    async with case_writer(servers.store.url, database) as (writer, outlet):
        for redelivered in (False, True):
            await handle(writer, [ReceivedCommand(command, redelivered)])
        later = replayed(denied, rederive=True, move=True)
        later = structs.replace(later, replay=Replay(run="later", rederive=True, move=True))
        await handle(writer, [ReceivedCommand(decide(later, Policy()), redelivered=True)])
    opened = [message for message in outlet.published if message.tag == "mailcase.case.opened.v1"]
    events = [event for item in opened for event in decode_archived_events(item.body)]
    assert {event.mail_key for event in events} == {denied.key}


async def test_a_case_whose_opening_mail_moves_away_is_opened_by_the_next(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    first, lost = mail("first"), mail("lost", subject="RE: [Case #1] more")
    follower = mail("follower", answers="lost")
    await write(servers, database, [first])
    await write(servers, database, [lost, follower])
    await rederive(servers, database, [lost], move=True, policy=KNOWING)
    now = await dump(cases)
    assert [now["mails"][mail.key]["outcome"] for mail in (lost, follower)] == [
        "appended",
        "opened",
    ]
    assert (now["cases"][2]["status"], now["cases"][2]["comment_count"]) == ("open", 1)
    await assert_all_is_well(cases)


async def test_a_mail_that_no_longer_belongs_to_a_case_opens_one_on_request(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    first, other = mail("first"), mail("other", subject="RE: [Case #1]")
    await write(servers, database, [first])
    await write(servers, database, [other], KNOWING)
    assert await rederive(servers, database, [other]) == [("differs", None)]
    assert await rederive(servers, database, [other], move=True) == [("moved", 2)]
    now = await dump(cases)
    assert (now["cases"][2]["title"], now["cases"][2]["comment_count"]) == ("RE: [Case #1]", 1)
    assert now["cases"][1]["comment_count"] == 1
    await assert_all_is_well(cases)


async def test_two_writers_that_rederive_the_same_mails_count_no_attachment_twice(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    mails = [mail(f"m {number}", subject=f"Order {number}") for number in range(10)]
    await write(servers, database, mails)
    file = {
        "name": "x",
        "content_type": "a/b",
        "size": 1,
        "sha256": "f" * 64,
        "inline": False,
        "content_id": None,
    }
    extra = {
        "attachments": [file | {"blob": "f" * 64, "original_name": None, "flags": []}],
        "text": "garbled",
    }
    await cases.store.collection("comments").update_all({}, {"$set": extra})
    await cases.store.collection("cases").update_all({}, {"$inc": {"attachment_count": 1}})
    done = await asyncio.gather(*(rederive(servers, database, mails) for _ in range(3)))
    assert (
        sorted(effect for each in done for effect, _ in each)
        == ["rederived"] * 10 + ["unchanged"] * 20
    )
    await assert_all_is_well(cases)


async def test_a_large_mail_whose_content_was_lost_is_parked_and_comes_back_with_it(
    servers: PrivateServers, cases: Observed, database: str
) -> None:
    whole = mail("large")
    lost = structs.replace(
        whole, raw=None, head=whole.raw, blob=BlobRef(sha256="0" * 64, size=whole.size)
    )
    [effect] = await write(servers, database, [replayed(lost)])
    assert (effect.effect, effect.detail) == ("parked", "content-missing")
    again = await write(servers, database, [replayed(lost)])
    assert [mail.effect for mail in again] == ["unchanged"]
    await write(servers, database, [whole])
    assert (await cases.all("mails"))[whole.key]["outcome"] == "opened"
    await assert_all_is_well(cases)
