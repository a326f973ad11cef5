"""The wiring of the router."""

import asyncio
from collections.abc import Sequence
from functools import partial

from schemas.codec import UnreadableMessageError, decode_raw_mail
from schemas.reasons import DeadLetterReason
from services.router.policy import PolicyOf, policies
from services.router.service import first_unknown_name, route
from services.runtime.broker.completions import Completion
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.consume import handle_prepared
from services.runtime.broker.dead_letters import Rejection, dead_letter, reject_unreadable
from services.runtime.broker.defer import KnownNames, defer, is_out_of_time
from services.runtime.broker.messages import Delivery, Outgoing
from services.runtime.broker.session import keep_connected
from services.runtime.broker.topology import ROUTER_MAIL
from services.runtime.logs import get_logger
from services.runtime.process.health import Health
from services.runtime.process.http import ANY_HOST, serve_health
from services.runtime.process.lifecycle import Stop
from services.runtime.settings import Settings

# Batches whose messages are not confirmed yet. Without a third one, messages collect in the next
# batch while the broker is slower than this service.
PUBLISHED_TOGETHER = 2
log = get_logger(__name__)

_DECIDED_AT_ONCE = 10  # mails, which take about a millisecond


async def run(settings: Settings, http_port: int, stop: Stop, http_host: str = ANY_HOST) -> None:
    """Route mails until `stop`."""
    health = Health("broker")
    policy_of, known = policies(settings), KnownNames.of(settings)
    prefetch = settings.router.prefetch_mails

    async def session(broker: Broker) -> None:
        async def routed(deliveries: Sequence[Delivery]) -> list[Outgoing | Rejection]:
            results: list[Outgoing | Rejection] = []
            for number, delivery in enumerate(deliveries, 1):
                results.append(_route_delivery(broker, delivery, policy_of, known))
                if number % _DECIDED_AT_ONCE == 0:
                    await asyncio.sleep(0)  # the batch before is published meanwhile
            return results

        async def publish(results: Sequence[Outgoing | Rejection]) -> Completion:
            for result in results:
                if not isinstance(result, Outgoing):
                    await result()
            messages = [each for each in results if isinstance(each, Outgoing)]
            return partial(broker.publish_all, messages)

        await handle_prepared(
            broker,
            ROUTER_MAIL,
            routed,
            publish,
            stop,
            batch=max(1, prefetch // 2),
            prefetch=prefetch,
            completions=PUBLISHED_TOGETHER,
            decode=decode_raw_mail,
            known=known,
        )

    async with serve_health(health, http_port, http_host):
        name = connection_name("router")
        await keep_connected(
            broker_url(settings), name, topology_of(settings), session, stop=stop, health=health
        )


def _route_delivery(
    broker: Broker, delivery: Delivery, policy_of: PolicyOf, known: KnownNames
) -> Outgoing | Rejection:
    """The message to publish, or how the delivery goes to the dead letters or is deferred."""
    try:
        mail = decode_raw_mail(delivery.body)
    except UnreadableMessageError as error:
        return partial(reject_unreadable, broker, ROUTER_MAIL, delivery, error)
    unknown = first_unknown_name(mail, known)
    if unknown is not None and not is_out_of_time(delivery.headers):
        return partial(defer, broker, ROUTER_MAIL, delivery, unknown)
    try:
        return route(mail, policy_of(mail.process, mail.mailbox), unknown)
    except Exception as error:
        # A bug: the mail cannot even be parked, and must not block the next one.
        log.exception("mail_cannot_be_routed", mail_key=mail.key, mailbox=mail.mailbox)
        reason = f"{DeadLetterReason.CANNOT_BE_ROUTED}: {error!r}"
        return partial(dead_letter, broker, ROUTER_MAIL, delivery, reason, error)
