"""How the case writer publishes events and wakes senders. One message that fails holds up no other."""

import asyncio
from collections.abc import Sequence

from schemas import codec
from schemas.events import CaseAppended, CaseMoved, CaseOpened, Event, MailboxLimited, MailParked, SenderLimited
from schemas.sending import SendMail
from services.case_writer.ports import Outlet
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.messages import Outgoing
from services.runtime.topology import EVENT, SENDER_WORK

log = get_logger(__name__)

WAKE_PATIENCE_S = 5.0


async def publish_events(outlet: Outlet, events: Sequence[Event]) -> None:
    """Publish all; an event that our own code fails on is logged and left out. Raises TransientError."""
    messages = []
    for event in events:
        try:
            messages.append(_event_message(event))
        except Exception:  # a fault of ours, met by this event
            log.exception("event_not_published", mail_key=event.mail_key)
    try:
        await outlet.publish_all(messages)
    except TransientError:
        raise
    except Exception as error:  # noqa: BLE001 - logged with the one that it belongs to: the others go out
        log.warning("events_published_one_by_one", error=error)
        for message in messages:
            await _publish_alone(outlet, message)


async def _publish_alone(outlet: Outlet, message: Outgoing) -> None:
    try:
        await outlet.publish_all([message])
    except TransientError:
        raise
    except Exception:
        log.exception("event_not_published", mail_key=message.message_id)


def _event_message(event: Event) -> Outgoing:
    return Outgoing(
        exchange=EVENT,
        routing_key=f"{_word(event)}.{event.process}",
        body=codec.encode_json(event),
        tag=codec.tag_of(event),
        message_id=event.mail_key,
        content_type="application/json",
        mandatory=False,  # nobody need listen
    )


def _word(event: Event) -> str:
    if isinstance(event, CaseOpened):
        return "case.opened"
    if isinstance(event, CaseAppended):
        return "case.appended"
    if isinstance(event, CaseMoved):
        return "case.moved"
    if isinstance(event, SenderLimited):
        return "alert.sender-limited"
    if isinstance(event, MailboxLimited):
        return "alert.mailbox-limited"
    return "mail.parked" if isinstance(event, MailParked) else "mail.ignored"


async def wake_senders(outlet: Outlet, outgoing_ids: Sequence[str]) -> None:
    """Say that mails of the outbox are due; where the word gets lost, a sender finds them all the same.

    So a queue that takes nothing, of a sender that nobody runs perhaps, does not hold up the mail that comes in.
    """
    messages = [SendMail(id=one) for one in outgoing_ids]
    wakes = [Outgoing("", SENDER_WORK, codec.encode(one), codec.tag_of(one), one.id) for one in messages]
    try:
        await asyncio.wait_for(outlet.publish_all(wakes), WAKE_PATIENCE_S)
    except (TransientError, TimeoutError) as error:
        log.warning("senders_not_woken", mails=len(wakes), error=error)
