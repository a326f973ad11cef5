"""Publishes the results of a commit: history, events, receipts, effects of replays, and the wake-up
of the senders.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from schemas.cloud_events import CONTENT_TYPE, MailEvent, mail_event
from schemas.events import MailsRecorded, MailsReplayed, routing_key
from schemas.fields import ReadFields
from schemas.reasons import ParkReason
from schemas.sending import SendMail
from services.case_writer.batch import WrittenBatch
from services.case_writer.placement.snapshot import RecordedMail
from services.case_writer.ports import HistoryPublisher, Outlet
from services.case_writer.recording.events import events_again
from services.case_writer.recording.replay_effects import replayed
from services.casework.publisher import publish_each
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import EXTRACTOR_WORK, SENDER_WORK
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import all_of

log = get_logger(__name__)

WAKE_PATIENCE_S = 5.0
# The queue of a fetcher's receipts is on one node of the broker. If that node falls silent, nothing
# is confirmed until the other nodes declare it down, by default after a minute
# (rabbitmq.com/docs/nettick). Since 4.2 the queue then stays, and refuses messages, until the node
# is back.
RECEIPT_PATIENCE_S = 2.0

VersionedEvent = tuple[MailEvent, str]  # with the outcome that it is about


class Notifier:
    """Publishes what a batch did."""

    def __init__(self, outlet: Outlet, publisher: HistoryPublisher) -> None:
        self._outlet = outlet
        self._publisher = publisher

    async def publish(self, written: WrittenBatch) -> None:
        """Publish the history, and meanwhile the other events, then the receipts.

        A receipt waits only for events that are nowhere else: the database keeps unpublished
        changes, so that their events are published even if this process dies. If our own code
        fails on an event, the event is left out: its change is written, and the receipts of other
        mails must not wait for it. Raises TransientError.
        """
        again = _delivered_again(written)
        cases = {recorded.case for recorded in again.values() if recorded.case is not None}
        events = [*_new_events(written), *_repeated_events(written, again)]
        effects = _effects(written)
        receipts = [*_receipts(written), *_messages(effects)]
        await all_of(
            [
                self._publish_history(written, cases),
                self._publish_events(events, _fields_to_read(written, effects), receipts),
                wake_senders(self._outlet, [mail.id for mail in written.documents.outgoing]),
            ]
        )

    async def _publish_events(
        self, events: Sequence[VersionedEvent], requests: list[Outgoing], receipts: list[Outgoing]
    ) -> None:
        """Publish the receipts after everything that only a redelivery would publish again."""
        if events or requests:
            await all_of(
                [
                    publish_each(self._outlet, events, _event_message),
                    self._outlet.publish_all(requests),
                ]
            )
        await _publish_receipts(self._outlet, receipts)

    async def _publish_history(self, written: WrittenBatch, again: Collection[int]) -> None:
        await self._publisher.publish(written.documents.written_history)
        await self._publisher.catch_up(again)


async def _publish_receipts(outlet: Outlet, receipts: list[Outgoing]) -> None:
    """Publish, and wait a short time for the confirms. The wait is short so that the broker node of
    one fetcher does not delay the mail of all others: a fetcher without a receipt publishes the
    mail again, and a replay looks in the database. If our own connection broke, the commands are
    delivered again, and their receipts are sent again.
    """
    try:
        async with asyncio.timeout(RECEIPT_PATIENCE_S):
            await outlet.publish_all(receipts)
    except (TransientError, TimeoutError) as error:
        hint = "a node of the broker may be unreachable; fetchers without a receipt ask again"
        log.warning("receipts_unconfirmed", messages=len(receipts), error=error, hint=hint)


async def wake_senders(outlet: Outlet, outgoing_ids: Sequence[str]) -> None:
    """Notify the senders that mails of the outbox are due. If the notification is lost, a sweep
    finds the mails later. A full queue, for example when no sender runs, therefore does not delay
    incoming mail.
    """
    if not outgoing_ids:
        return
    wakeups = [Outgoing.of(SendMail(id=mail_id), mail_id, SENDER_WORK) for mail_id in outgoing_ids]
    try:
        async with asyncio.timeout(WAKE_PATIENCE_S):
            await outlet.publish_all(wakeups)
    except (TransientError, TimeoutError) as error:
        log.warning("sender_wakeup_failed", mails=len(wakeups), error=error)


def _event_message(versioned: VersionedEvent) -> Outgoing:
    event, version = versioned
    envelope = mail_event(event, version)
    return Outgoing.event(
        envelope,
        event.mail_key,
        routing_key(event),
        tag=envelope.type,
        content_type=CONTENT_TYPE,
    )


def _new_events(written: WrittenBatch) -> list[VersionedEvent]:
    versions = {mail.id: mail.written_by for mail in written.documents.mails}
    return [(event, versions[event.mail_key]) for event in written.documents.events]


def _delivered_again(written: WrittenBatch) -> dict[str, RecordedMail]:
    """Mails that were recorded before, by key. Their events may never have been published."""
    redelivered = [received.mail.key for received in written.group if received.redelivered]
    recorded = written.snapshot.mails
    return {
        key: recorded[key]
        for key in [*redelivered, *written.plan.written_before]
        if key in recorded
    }


def _repeated_events(
    written: WrittenBatch, again: Mapping[str, RecordedMail]
) -> list[VersionedEvent]:
    mails = {received.mail.key: received.mail for received in written.group}
    events: list[VersionedEvent] = []
    for key, recorded in again.items():
        try:
            events += [(event, recorded.written_by) for event in events_again(mails[key], recorded)]
        except Exception:  # a bug that this mail triggers
            log.exception("event_not_published", mail_key=key, mailbox=mails[key].mailbox)
    return events


def _receipts(written: WrittenBatch) -> list[Outgoing]:
    """One message per mailbox. A fetcher that is not connected asks again later."""
    removable = _removable(written)
    by_mailbox: dict[str, list[str]] = defaultdict(list)
    for received in written.group:
        if received.mail.key in removable:
            by_mailbox[received.mail.mailbox].append(received.mail.key)
    receipts = [MailsRecorded(mailbox=mailbox, keys=keys) for mailbox, keys in by_mailbox.items()]
    return [Outgoing.event(receipt, receipt.keys[0], routing_key(receipt)) for receipt in receipts]


def _removable(written: WrittenBatch) -> set[str]:
    """The mails that may leave their mailboxes. A mail is left out if its only copy may be
    there.
    """
    reasons = {mail.id: mail.reason for mail in written.documents.mails}
    reasons |= {key: recorded.reason for key, recorded in written.plan.written_before.items()}
    kept = {key for key, reason in reasons.items() if reason != ParkReason.CONTENT_MISSING}
    return kept | set(written.plan.duplicates)


def _effects(written: WrittenBatch) -> list[MailsReplayed]:
    """One message per replay."""
    mails = [received.mail for received in written.group]
    return replayed(mails, written.snapshot, written.plan, written.documents)


def _fields_to_read(written: WrittenBatch, effects: Sequence[MailsReplayed]) -> list[Outgoing]:
    """Requests to read the fields of rederived mails again."""
    replays = {received.mail.key: received.mail.replay for received in written.group}
    keys = [
        effect.mail_key
        for message in effects
        for effect in message.effects
        if effect.case is not None
        and (replay := replays.get(effect.mail_key)) is not None
        and replay.rederive
    ]
    return [Outgoing.of(ReadFields(mail_key=key), key, EXTRACTOR_WORK) for key in keys]


def _messages(effects: Sequence[MailsReplayed]) -> list[Outgoing]:
    return [Outgoing.event(effect, effect.run, routing_key(effect)) for effect in effects]
