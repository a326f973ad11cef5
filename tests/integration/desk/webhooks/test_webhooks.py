"""Webhooks, from the event to the receiver, on a real database and broker."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.local import PrivateServers
from schemas.reasons import DeliveryProblem
from schemas.stored import to_document
from schemas.stored.webhooks import Delivery, Webhook
from services.casework import actions
from services.casework.persistence.repository import CaseRepository
from services.casework.publisher import ChangePublisher
from services.desk.accounts.authenticator import AccountAuthenticator
from services.desk.api.routes import PREFIX
from services.desk.audit_log import AuditFilter
from services.desk.desk import Desk
from services.desk.event_consumer import EventConsumer
from services.desk.search.index import SearchIndex
from services.desk.webhooks.http_client import DeliveryError
from services.desk.webhooks.owners import WebhookOwners
from services.desk.webhooks.payload import MAX_ATTEMPTS, new_delivery
from services.desk.webhooks.repository import webhooks_with_due
from services.desk.webhooks.sending import WebhookSender
from services.desk.webhooks.signing import signature
from services.desk.webhooks.targets import networks
from services.desk.webhooks.worker import PLACES_PER_ACCOUNT, WebhookWorker
from services.runtime.broker.connection import Broker
from services.runtime.broker.topology import DESK_INDEX, EVENT, Topology, mailcase_topology
from services.runtime.process.lifecycle import Stop
from tests.asgi import Client
from tests.integration.brokers import connected
from tests.integration.desk.conftest import OpenCase
from tests.integration.desk.webhooks.receiver import Received, Receiver, receiving, status
from tests.unit.casework.builders import OPERATOR
from tests.unit.desk.webhooks.test_payload import EVENT as TITLED
from tests.unit.desk.webhooks.test_payload import webhook

PATIENCE_S = 20.0
Clients = Callable[[str], Client]


@pytest.fixture
async def broker(servers: PrivateServers, no_settling: None) -> AsyncIterator[Broker]:
    async with connected(servers) as broker:
        topology = mailcase_topology(archive_max_age_days=1, archive_max_bytes=1 << 20)
        queues = tuple(queue for queue in topology.queues if queue.name.startswith(DESK_INDEX))
        await broker.declare(Topology((EVENT,), queues))
        servers.broker.ctl("purge_queue", DESK_INDEX)
        yield broker


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def may_see_invoices(_webhook: Webhook, process: str) -> bool:
    return process == "invoices"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(
    desk: Desk,
    broker: Broker | None = None,
    desks: int = 1,
    sender: WebhookSender | None = None,
) -> AsyncIterator[None]:
    """Desks that store and send deliveries."""
    stop, sender = Stop(), sender or WebhookSender(networks(["127.0.0.0/8"]))
    running = []
    for _ in range(desks):
        worker = WebhookWorker(desk.webhooks, sender, may_see_invoices)
        running.append(asyncio.create_task(worker.run(stop)))
        if broker is not None:
            consumer = EventConsumer(SearchIndex(desk.store), desk.webhooks, broker, worker.wake)
            running.append(asyncio.create_task(consumer.run(stop)))
    try:
        yield
    finally:
        stop.request()
        await asyncio.wait_for(asyncio.gather(*running), PATIENCE_S)


async def subscribe(desk: Desk, receiver: Receiver, **fields: Any) -> Webhook:
    url = f"http://127.0.0.1:{receiver.port}/in"
    added = webhook(**{"url": url} | fields)
    assert await desk.webhooks.add(added)
    return added


async def stored(desk: Desk, state: str, count: int = 1) -> list[Delivery]:
    """The deliveries in a state, once there are this many."""
    found: list[Delivery] = []

    async def are_there() -> bool:
        found[:] = await desk.webhooks.deliveries("wh_1", [{"state": state}], 1_000)
        return len(found) >= count

    await until(are_there)
    return found


async def queue_event(desk: Desk, **fields: Any) -> Delivery:
    delivery = new_delivery(webhook(), TITLED, await desk.webhooks.now())
    changed = to_document(delivery) | fields
    await desk.store.collection(Delivery.COLLECTION).insert([changed])
    return delivery


async def test_an_id_gives_nobody_the_webhook_of_another(desk: Desk) -> None:
    mine = webhook(secret="mine")
    assert await desk.webhooks.add(mine)
    again = await desk.webhooks.add(webhook(secret="new"))
    assert again is not None
    assert again.secret == "mine"
    for other in ({"owner": "eve@office.example"}, {"owner_kind": "token"}):
        assert await desk.webhooks.add(webhook(**other)) is None


async def test_a_change_reaches_its_receiver_signed(
    desk: Desk, opened: OpenCase, broker: Broker, receiver: Receiver
) -> None:
    hook = await subscribe(desk, receiver, events=["opened", "titled"])
    async with working(desk, broker):
        await opened(1)
        repository = CaseRepository(desk.store, desk.settings.processes)
        await repository.act(1, actions.SetTitle(title="A confidential title"), OPERATOR)
        await repository.act(1, actions.AddNote(text="not asked for"), OPERATOR)
        await ChangePublisher(desk.store, broker).sweep(timedelta(0))
        delivered = await stored(desk, "delivered", 2)
    assert {delivery.event for delivery in delivered} == {"1.1", "1.2"}
    for got in receiver.received:
        assert b"confidential" not in got.body
        at = int(got.headers["webhook-timestamp"])
        assert got.headers["webhook-signature"] == signature(
            hook.secret, got.headers["webhook-id"], at, got.body
        )
        assert abs(datetime.now(UTC).timestamp() - at) < 60
    datas = sorted(json.loads(got.body)["data"]["revision"] for got in receiver.received)
    assert datas == [1, 2]


async def test_an_event_that_comes_twice_is_delivered_once(
    desk: Desk, opened: OpenCase, broker: Broker, receiver: Receiver
) -> None:
    await subscribe(desk, receiver)
    async with working(desk, broker, desks=2):
        await opened(1)
        await ChangePublisher(desk.store, broker).sweep(timedelta(0))
        await stored(desk, "delivered")
        await CaseRepository(desk.store, desk.settings.processes).act(
            1, actions.AddNote(text="x"), OPERATOR
        )
        changes = await desk.cases.history(1)
        await ChangePublisher(desk.store, broker).publish([changes[0]])
        await ChangePublisher(desk.store, broker).publish(changes)
        await stored(desk, "delivered", 2)
        await asyncio.sleep(0.3)
    assert sorted(got.headers["webhook-id"] for got in receiver.received) == [
        "wh_1.1.1",
        "wh_1.1.2",
    ]


async def test_many_desks_deliver_each_event_once(desk: Desk, receiver: Receiver) -> None:
    await subscribe(desk, receiver)
    now = await desk.webhooks.now()
    one = to_document(new_delivery(webhook(), TITLED, now))
    many = [one | {"_id": f"wh_1.235.{n}", "event": f"235.{n}"} for n in range(200)]
    await desk.store.collection(Delivery.COLLECTION).insert(many)
    async with working(desk, desks=4):
        await stored(desk, "delivered", 200)
    counted = Counter(got.headers["webhook-id"] for got in receiver.received)
    assert len(counted) == 200
    assert set(counted.values()) == {1}


async def test_only_webhooks_with_due_deliveries_are_asked_for_them(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await subscribe(desk, receiver)
    for number in range(2, 30):
        await subscribe(desk, receiver, id=f"wh_{number}")
    await queue_event(desk)
    later = await desk.webhooks.now() + timedelta(hours=1)
    await queue_event(desk, _id="wh_2.235.2", webhook="wh_2", due_at=later)
    asked, due = list[str](), desk.webhooks.due

    async def counted(webhook_id: str, now: datetime, limit: int) -> list[str]:
        asked.append(webhook_id)
        return await due(webhook_id, now, limit)

    monkeypatch.setattr(desk.webhooks, "due", counted)
    async with working(desk):
        await stored(desk, "delivered")
    assert set(asked) == {"wh_1"}


async def test_the_webhooks_with_due_deliveries_are_found_without_reading_all_deliveries(
    desk: Desk,
) -> None:
    now = await desk.webhooks.now()
    one = to_document(new_delivery(webhook(), TITLED, now))
    many = [
        one | {"_id": f"wh_{hook}.{n}", "webhook": f"wh_{hook}"}
        for hook in "123"
        for n in range(50)
    ]
    await desk.store.collection(Delivery.COLLECTION).insert(many)
    pipeline = webhooks_with_due(now)
    found = await desk.store.collection(Delivery.COLLECTION).aggregate(pipeline)
    assert sorted(each["_id"] for each in found) == ["wh_1", "wh_2", "wh_3"]
    command = {"aggregate": Delivery.COLLECTION, "pipeline": pipeline, "cursor": {}}
    explained = await desk.store._database.command(
        {"explain": command, "verbosity": "queryPlanner"}
    )
    assert "DISTINCT_SCAN" in str(explained)


async def test_what_the_owner_may_not_see_is_never_sent(desk: Desk, receiver: Receiver) -> None:
    await subscribe(desk, receiver)
    await queue_event(desk, process="help")
    async with working(desk):
        [withheld] = await stored(desk, "withheld")
    assert withheld.attempts == []
    assert receiver.received == []


async def test_a_failed_attempt_is_kept_and_repeated_with_the_same_id_and_body(
    desk: Desk, receiver: Receiver
) -> None:
    await subscribe(desk, receiver)
    await queue_event(desk)
    receiver.answer = status(500, "out\x1b of order")
    async with working(desk):

        async def has_failed() -> bool:
            found = await stored(desk, "pending")
            return bool(found[0].attempts)

        await until(has_failed)
        [waiting] = await stored(desk, "pending")
        assert waiting.due_at > await desk.webhooks.now()
        [attempt] = waiting.attempts
        assert (attempt.status, attempt.answer, waiting.tries) == (500, "out  of order", 1)
        receiver.answer = status(200)
        await desk.store.collection(Delivery.COLLECTION).update(
            {"_id": waiting.id}, {"$set": {"due_at": await desk.webhooks.now()}}
        )
        [delivered] = await stored(desk, "delivered")
    assert [attempt.status for attempt in delivered.attempts] == [500, 200]
    first, second = receiver.received
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])


async def test_after_the_last_attempt_a_delivery_has_failed(desk: Desk, receiver: Receiver) -> None:
    await subscribe(desk, receiver)
    await queue_event(desk, tries=MAX_ATTEMPTS - 1)
    receiver.answer = status(503)
    async with working(desk):
        [failed] = await stored(desk, "failed")
    assert failed.ended_at is not None


async def test_410_disables_the_webhook_and_nothing_more_is_sent(
    desk: Desk, receiver: Receiver
) -> None:
    await subscribe(desk, receiver)
    await queue_event(desk)
    receiver.answer = status(410)
    async with working(desk):
        await stored(desk, "failed")

        async def is_disabled() -> bool:
            hook = await desk.webhooks.get("wh_1", {})
            return hook is not None and hook.state == "disabled"

        await until(is_disabled)
        await queue_event(desk, _id="wh_1.235.3")
        await asyncio.sleep(0.5)
    assert len(receiver.received) == 1


async def test_a_receiver_that_does_not_answer_holds_up_no_other(
    desk: Desk, receiver: Receiver
) -> None:
    async def silence(_request: object, _writer: object) -> None:
        await asyncio.sleep(60)

    async with receiving() as slow:
        slow.answer = silence
        await subscribe(desk, slow, id="wh_0")
        await subscribe(desk, receiver)
        for number in range(20):
            await queue_event(desk, _id=f"wh_0.{number}", webhook="wh_0")
        await queue_event(desk)
        stop = Stop()
        worker = WebhookWorker(
            desk.webhooks, WebhookSender(networks(["127.0.0.0/8"])), may_see_invoices
        )
        running = asyncio.create_task(worker.run(stop))
        await stored(desk, "delivered")
        assert len(slow.received) <= 2
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_delivery_of_a_desk_that_died_is_sent_by_another(
    desk: Desk, receiver: Receiver
) -> None:
    await subscribe(desk, receiver)
    delivery = await queue_event(desk)
    now = await desk.webhooks.now()
    assert await desk.webhooks.claim(delivery.id, "of a desk that dies", now) is not None
    assert await desk.webhooks.claim(delivery.id, "another", now) is None
    past = now - timedelta(seconds=1)
    await desk.store.collection(Delivery.COLLECTION).update(
        {"_id": delivery.id}, {"$set": {"due_at": past}}
    )
    async with working(desk):
        await stored(desk, "delivered")
    assert len(receiver.received) == 1


async def test_the_owner_is_looked_up_with_their_current_roles(desk: Desk) -> None:
    users, tokens = desk.accounts.users, desk.accounts.tokens
    await users.add("anna@office.example", "Anna")
    owners = WebhookOwners(desk.access, AccountAuthenticator(desk.accounts).of_owner)
    personal = webhook(owner="anna@office.example")
    assert await owners.may_see(personal, "invoices")
    assert not await owners.may_see(personal, "no such process")
    assert not await owners.may_see(webhook(owner="nobody@office.example"), "invoices")
    _, token = await tokens.create(
        "a program", ["cases:read"], owner="anna@office.example", processes=["help"]
    )
    of_token = webhook(owner=token.id, owner_kind="token")
    assert await owners.may_see(of_token, "help")
    assert not await owners.may_see(of_token, "invoices")
    await tokens.revoke(token.id)
    assert not await owners.may_see(of_token, "help")
    now = await desk.webhooks.now()
    await users.change("anna@office.example", {"disabled_at": now})
    assert not await owners.may_see(personal, "invoices")


# The API


@pytest.fixture
def allowing(desk: Desk) -> Desk:
    """The desk with this machine's network allowed, as by its settings."""
    desk.webhook_sender._allowed = networks(["127.0.0.0/8"])
    return desk


async def add(client: Client, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    body = {"url": f"http://127.0.0.1:{receiver.port}/in"} | fields
    answer = await client.ask("POST", f"{PREFIX}/webhooks", body)
    assert answer.status == 201, answer.body
    added: dict[str, Any] = answer.json()
    return added


async def test_a_webhook_is_managed_by_its_owner_alone(
    allowing: Desk, client: Clients, receiver: Receiver
) -> None:
    added = await add(client("anna"), receiver, events=["opened", "opened"])
    path = f"{PREFIX}/webhooks/{added['webhook']['id']}"
    assert added["secret"].startswith("whsec_")
    assert added["webhook"]["events"] == ["opened"]
    shown = await client("anna").ask("GET", path)
    assert shown.json() == added["webhook"]
    assert added["secret"].encode() not in shown.body
    assert (await client("hans").ask("GET", path)).status == 404
    assert (await client("hans").ask("DELETE", path)).status == 404
    assert (await client("hans").ask("GET", f"{path}/deliveries")).status == 404
    assert (await client("hans").ask("GET", f"{PREFIX}/webhooks")).json()["items"] == []
    patched = await client("anna").ask("PATCH", path, {"state": "disabled"})
    assert patched.json()["disabled_reason"] == "disabled by its owner"
    patched = await client("anna").ask("PATCH", path, {"state": "active", "events": []})
    assert (patched.json()["disabled_reason"], patched.json()["events"]) == ("", [])
    rotated = (await client("anna").ask("POST", f"{path}/secrets")).json()
    assert rotated["secret"] != added["secret"]
    [hook] = await allowing.webhooks.active()
    assert (hook.secret, hook.previous_secret) == (rotated["secret"], added["secret"])
    assert (await client("anna").ask("DELETE", path)).status == 204
    assert (await client("anna").ask("GET", path)).status == 404
    audited = await allowing.accounts.audit.entries(AuditFilter(), limit=10)
    assert [(entry.actor, entry.what) for entry in reversed(audited)] == [
        ("anna@office.example", what)
        for what in (
            "webhook-added",
            "webhook-changed",
            "webhook-changed",
            "webhook-secret-rotated",
            "webhook-removed",
        )
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "http://127.0.0.1/"}, "/url"),
        ({"url": "https://[::1]/"}, "/url"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "/url"),
        ({"url": "nonsense"}, "/url"),
        ({"url": "https://a.example/", "events": ["never"]}, "/events/0"),
        ({"url": "https://a.example/", "processes": ["help", "invoices"]}, "/processes/1"),
        ({"url": "https://a.example/", "processes": ["none"]}, "/processes/0"),
    ],
)
async def test_a_webhook_that_cannot_work_is_refused_with_its_place(
    client: Clients, body: dict[str, Any], pointer: str
) -> None:
    answer = await client("hans").ask("POST", f"{PREFIX}/webhooks", body)
    assert answer.status == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_deliveries_are_listed_and_sent_again(
    allowing: Desk, client: Clients, receiver: Receiver
) -> None:
    await subscribe(allowing, receiver)
    await queue_event(allowing)
    path = f"{PREFIX}/webhooks/wh_1/deliveries"
    async with working(allowing):
        await stored(allowing, "delivered")
        [listed] = (await client("anna").ask("GET", f"{path}?state=delivered")).json()["items"]
        assert (listed["id"], listed["attempts"][0]["status"]) == ("wh_1.235.2", 204)
        assert (await client("anna").ask("GET", f"{path}/{listed['id']}")).json() == listed
        again = await client("anna").ask("POST", f"{path}/{listed['id']}/redeliveries")
        assert again.status == 202

        async def was_sent_again() -> bool:
            return len(receiver.received) == 2

        await until(was_sent_again)
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1
    assert (await client("anna").ask("POST", f"{path}/none/redeliveries")).status == 404
    await allowing.webhooks.disable("wh_1", "a test", await allowing.webhooks.now())
    refused = await client("anna").ask("POST", f"{path}/{listed['id']}/redeliveries")
    assert (refused.status, refused.json()["reason"]) == (409, "webhook-disabled")


async def test_only_managers_see_where_a_name_leads(
    desk: Desk, client: Clients, receiver: Receiver
) -> None:
    """A worker cannot find out which names the network has, neither by adding a webhook nor by
    sending.
    """

    async def resolver(host: str, _port: int) -> list[str]:
        if host == "nowhere.test":
            raise DeliveryError(f"{host} cannot be resolved", DeliveryProblem.ADDRESS_REFUSED)
        return ["10.0.0.7"]

    seen: list[tuple[str, int]] = []
    known: list[tuple[str, int]] = []
    path = f"{PREFIX}/webhooks/wh_1/deliveries/wh_1.235.2"
    for host in ("nowhere.test", "inside.test"):
        answer = await client("hans").ask("POST", f"{PREFIX}/webhooks", {"url": f"https://{host}/"})
        assert answer.status == 201, answer.body
        await subscribe(desk, receiver, url=f"https://{host}/")
        await queue_event(desk)

        async def was_tried() -> bool:
            return (await desk.webhooks.deliveries("wh_1", [], 1))[0].tries == 1

        async with working(desk, sender=WebhookSender(resolver=resolver)):
            await until(was_tried)
        for reader, found in (("anna", seen), ("maria", known)):
            owner = {"$set": {"owner": f"{reader}@office.example"}}
            await desk.store.collection(Webhook.COLLECTION).update({"_id": "wh_1"}, owner)
            [attempt] = (await client(reader).ask("GET", path)).json()["attempts"]
            found.append((attempt["error"], attempt["duration_ms"]))
        await desk.webhooks.remove("wh_1")
    assert seen[0] == seen[1]
    assert [error.partition(" ")[2][:15] for error, _ in known] == [
        "cannot be resol",
        "is at an addres",
    ]


async def test_nobody_has_more_than_their_share_of_webhooks(
    allowing: Desk, client: Clients, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.desk.api.webhooks.webhooks.MAX_OWN_WEBHOOKS", 1)
    await add(client("anna"), receiver)
    body = {"url": f"http://127.0.0.1:{receiver.port}/in"}
    answer = await client("anna").ask("POST", f"{PREFIX}/webhooks", body)
    assert (answer.status, answer.json()["reason"]) == (409, "too-many-webhooks")
    await add(client("hans"), receiver)


async def test_the_silent_receivers_of_one_account_delay_no_other(
    desk: Desk, receiver: Receiver
) -> None:
    async def silence(_request: Received, writer: asyncio.StreamWriter) -> None:
        await writer.drain()
        await released.wait()

    released, now = asyncio.Event(), await desk.webhooks.now()
    async with receiving() as silent:
        silent.answer = silence
        url, owner = f"http://127.0.0.1:{silent.port}/in", {"owner_kind": "token"}
        slow = [
            webhook(id=f"wh_s{n}", url=url, owner=f"tok_{n}", account="eve@office.example", **owner)
            for n in range(20)
        ]
        for hook in slow:
            await desk.webhooks.add(hook)
            other = [
                to_document(new_delivery(hook, TITLED, now)) | {"_id": f"{hook.id} {n}"}
                for n in range(3)
            ]
            await desk.store.collection(Delivery.COLLECTION).insert(other)
        hook = await subscribe(desk, receiver, created_at=now)
        async with working(desk):
            await until(lambda: enough(silent))
            await desk.webhooks.put([new_delivery(hook, TITLED, now)])
            await stored(desk, "delivered")
            released.set()
            assert len(silent.received) == PLACES_PER_ACCOUNT


async def enough(receiver: Receiver) -> bool:
    return len(receiver.received) >= PLACES_PER_ACCOUNT


async def test_a_persons_tokens_share_their_number_of_webhooks(
    allowing: Desk, client: Clients, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.desk.api.webhooks.webhooks.MAX_OWN_WEBHOOKS", 1)
    await add(client("anna"), receiver)
    body = {"url": f"http://127.0.0.1:{receiver.port}/in"}
    answer = await client("scanner").ask("POST", f"{PREFIX}/webhooks", body)
    assert (answer.status, answer.json()["reason"]) == (409, "too-many-webhooks")
