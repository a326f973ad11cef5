"""Webhook requests on real sockets: pinned to an address, bounded, verified."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
import trustme

from services.desk.webhooks import http_client
from services.desk.webhooks.http_client import DeliveryError
from services.desk.webhooks.payload import new_delivery
from services.desk.webhooks.sending import WebhookSender, resolve
from services.desk.webhooks.targets import RefusedAddressError, networks
from tests.integration.desk.webhooks.receiver import Received, Receiver, receiving, status
from tests.unit.desk.webhooks.test_payload import EVENT, webhook

NOW = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)
LOCAL = networks(["127.0.0.0/8"])
NAME = "hooks.office.example"


class Names:
    """A name server whose answers change: the first one once, then the next ones."""

    def __init__(self, *answers: str) -> None:
        self.answers = [[answer] for answer in answers]
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def send(receiver: Receiver, sender: WebhookSender, scheme: str = "http") -> int:
    hook = webhook(url=f"{scheme}://{NAME}:{receiver.port}/in?x=1")
    answer = await sender.send(hook, new_delivery(hook, EVENT, NOW), NOW)
    return answer.status


async def test_a_delivery_arrives_signed_at_the_address_that_was_checked() -> None:
    names = Names("127.0.0.1", "169.254.169.254")
    async with receiving() as receiver:
        assert await send(receiver, WebhookSender(LOCAL, resolver=names)) == 204
    [got] = receiver.received
    assert names.asked == [NAME]
    assert got.target == "/in?x=1"
    assert got.headers["host"] == f"{NAME}:{receiver.port}"
    assert got.headers["webhook-id"] == "wh_1.235.2"
    assert got.headers["webhook-timestamp"] == str(round(NOW.timestamp()))
    assert got.headers["webhook-signature"].startswith("v1,")


async def test_a_name_that_leads_to_this_machine_is_refused_before_any_connection() -> None:
    async with receiving() as receiver:
        with pytest.raises(DeliveryError, match="webhook_allow_networks"):
            await send(receiver, WebhookSender(resolver=Names("127.0.0.1")))
        for disguise in ("127.1", "2130706433", "0x7f000001", "localhost", "[::ffff:7f00:1]"):
            hook = webhook(url=f"http://{disguise}:{receiver.port}/")
            with pytest.raises(DeliveryError):
                await WebhookSender().send(hook, new_delivery(hook, EVENT, NOW), NOW)
        with pytest.raises(RefusedAddressError):
            WebhookSender().check("https://[::ffff:7f00:1]/")
    assert receiver.received == []


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async with receiving() as other, receiving() as receiver:
        receiver.answer = status(307, "", f"Location: http://127.0.0.1:{other.port}/")
        assert await send(receiver, WebhookSender(LOCAL, resolver=Names("127.0.0.1"))) == 307
    assert other.received == []


async def test_the_certificate_has_to_be_of_the_name_although_the_address_is_pinned() -> None:
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    for name, works in ((NAME, True), ("other.example", False)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        sender = WebhookSender(LOCAL, resolver=Names("127.0.0.1"), tls=trusting)
        async with receiving(context) as receiver:
            if works:
                assert await send(receiver, sender, "https") == 204
                continue
            with pytest.raises(DeliveryError, match=r"TLS: .*other|TLS: .*mismatch"):
                await send(receiver, sender, "https")
        assert receiver.received == []


async def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(NAME).configure_cert(context)
    async with receiving(context) as receiver:
        with pytest.raises(DeliveryError, match="TLS"):
            await send(receiver, WebhookSender(LOCAL, resolver=Names("127.0.0.1")), "https")


async def _drip(_request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _silence(_request: Received, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _endless_header(_request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(1_000):
        writer.write(b"y" * 65_536)
        await writer.drain()


async def _endless_body(_request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(1_000_000):
        writer.write(b"y" * 65_536)
        await writer.drain()


@pytest.mark.parametrize("answer", [_drip, _silence, _endless_header, b"", b"nonsense\r\n\r\n"])
async def test_an_answer_that_never_comes_ends_the_attempt_in_time(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "TIMEOUT_S", 1.0)
    started = time.monotonic()
    async with receiving() as receiver:
        receiver.answer = answer
        with pytest.raises(DeliveryError, match=r"\w"):
            await send(receiver, WebhookSender(LOCAL, resolver=Names("127.0.0.1")))
    assert time.monotonic() - started < 30.0  # the answers take a minute, or never end


async def test_of_an_endless_body_only_the_beginning_is_read_and_kept() -> None:
    async with receiving() as receiver:
        receiver.answer = _endless_body
        hook = webhook(url=f"http://{NAME}:{receiver.port}/")
        sender = WebhookSender(LOCAL, resolver=Names("127.0.0.1"))
        answer = await sender.send(hook, new_delivery(hook, EVENT, NOW), NOW)
    assert answer.status == 200
    assert answer.excerpt == "y" * http_client.MAX_EXCERPT_BYTES


async def test_a_closed_port_and_an_unknown_name_are_reported() -> None:
    async with receiving() as receiver:
        port = receiver.port
    hook = webhook(url=f"http://{NAME}:{port}/")
    sender = WebhookSender(LOCAL, resolver=Names("127.0.0.1"))
    with pytest.raises(DeliveryError, match="connection failed"):
        await sender.send(hook, new_delivery(hook, EVENT, NOW), NOW)
    with pytest.raises(DeliveryError, match="cannot be resolved"):
        await resolve("nowhere.invalid", 443)
