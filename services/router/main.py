"""The wiring of the router."""

import asyncio
from collections.abc import Sequence

from schemas.codec import UnreadableMessageError, decode_raw_mail
from schemas.reasons import DeadLetterReason
from services.router.policy import PolicyOf, policies
from services.router.service import first_unknown_name, route
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.consume import handle_prepared
from services.runtime.broker.dead_letters import dead_letter, reject_unreadable
from services.runtime.broker.defer import KnownNames, defer, is_out_of_time
from services.runtime.broker.messages import Delivery, Outgoing
from services.runtime.broker.session import keep_connected
from services.runtime.broker.topology import ROUTER_MAIL
from services.runtime.logs import get_logger
from services.runtime.process.health import Health
from services.runtime.process.http import ANY_HOST, serve_health
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import Settings

log = get_logger(__name__)


async def run(settings: Settings, http_port: int, stop: Stop, http_host: str = ANY_HOST) -> None:
    """Route mails until `stop`."""
    health = Health("broker")
    policy_of, known = policies(settings), KnownNames.of(settings)
    prefetch = settings.router.prefetch_mails

    async def session(broker: Broker) -> None:
        async def routed(deliveries: Sequence[Delivery]) -> list[Outgoing]:
            messages: list[Outgoing] = []
            for delivery in deliveries:
                message = await _route_delivery(broker, delivery, policy_of, known)
                if message is not None:
                    messages.append(message)
                await asyncio.sleep(0)  # the messages before are published meanwhile
            return messages

        await handle_prepared(
            broker,
            ROUTER_MAIL,
            routed,
            broker.publish_all,
            stop,
            batch=max(1, prefetch // 2),
            prefetch=prefetch,
            decode=decode_raw_mail,
            known=known,
        )

    async with serve_health(health, http_port, http_host):
        name = connection_name("router")
        await keep_connected(
            broker_url(settings), name, topology_of(settings), session, stop=stop, health=health
        )


async def _route_delivery(
    broker: Broker, delivery: Delivery, policy_of: PolicyOf, known: KnownNames
) -> Outgoing | None:
    """The message to publish; None if the delivery went to the dead letters or is deferred.

    Raises TransientError if the broker fails.
    """
    try:
        mail = decode_raw_mail(delivery.body)
    except UnreadableMessageError as error:
        await reject_unreadable(broker, ROUTER_MAIL, delivery, error)
        return None
    unknown = first_unknown_name(mail, known)
    if unknown is not None and not is_out_of_time(delivery.headers):
        await defer(broker, ROUTER_MAIL, delivery, unknown)
        return None
    try:
        return route(mail, policy_of(mail.process, mail.mailbox), unknown)
    except Exception as error:
        # A bug: the mail cannot even be parked, and must not block the next one.
        log.exception("mail_cannot_be_routed", mail_key=mail.key, mailbox=mail.mailbox)
        await dead_letter(
            broker, ROUTER_MAIL, delivery, f"{DeadLetterReason.CANNOT_BE_ROUTED}: {error!r}", error
        )
        return None
