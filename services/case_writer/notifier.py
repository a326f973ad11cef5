"""How the case writer publishes the events of mails without a case, and wakes senders."""

import asyncio
from collections.abc import Sequence

from schemas import codec
from schemas.cloud_events import CONTENT_TYPE, MailEvent, mail_event, mail_event_name
from schemas.sending import SendMail
from services.case_writer.ports import Outlet
from services.casework.publisher import publish_each
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import EVENT, SENDER_WORK
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger

log = get_logger(__name__)

WAKE_PATIENCE_S = 5.0

VersionedEvent = tuple[MailEvent, str]  # the second names the outcome that the event is about


async def publish_events(outlet: Outlet, events: Sequence[VersionedEvent]) -> None:
    """Publish all; an event that our own code fails on is logged and left out. Raises TransientError."""
    await publish_each(outlet, events, _event_message)


def _event_message(versioned: VersionedEvent) -> Outgoing:
    event, version = versioned
    envelope = mail_event(event, version)
    return Outgoing(
        exchange=EVENT,
        routing_key=f"{mail_event_name(event)}.{event.process}",
        body=codec.encode_json(envelope),
        tag=envelope.type,
        message_id=event.mail_key,
        content_type=CONTENT_TYPE,
        mandatory=False,  # nobody need listen
    )


async def wake_senders(outlet: Outlet, outgoing_ids: Sequence[str]) -> None:
    """Say that mails of the outbox are due; where the word gets lost, a sender finds them all the same.

    So a queue that takes nothing, of a sender that nobody runs perhaps, does not hold up the mail that comes in.
    """
    messages = [SendMail(id=one) for one in outgoing_ids]
    wakes = [Outgoing("", SENDER_WORK, codec.encode(one), codec.tag_of(one), one.id) for one in messages]
    try:
        await asyncio.wait_for(outlet.publish_all(wakes), WAKE_PATIENCE_S)
    except (TransientError, TimeoutError) as error:
        log.warning("sender_wakeup_failed", mails=len(wakes), error=error)
