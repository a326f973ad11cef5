"""Every name on the broker, as data. Declaring is idempotent.

Services and tests take the names from here.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from schemas.events import AccessChanged, FetcherPresent, MailsRecorded, MailsReplayed

MAIL: Final = "mailcase.mail"
CASE: Final = "mailcase.case"
EVENT: Final = "mailcase.event"

ROUTER_MAIL: Final = "router.mail"
MAIL_ARCHIVE: Final = "mail.archive"
EVENT_ARCHIVE: Final = "event.archive"
CASE_WRITER_COMMANDS: Final = "case_writer.commands"
SENDER_WORK: Final = "sender.work"
EXTRACTOR_WORK: Final = "extractor.work"
DESK_INDEX: Final = "desk.index"
# The queues through which a mail, or an answer to it, passes.
MAIL_QUEUES: Final = (ROUTER_MAIL, CASE_WRITER_COMMANDS, SENDER_WORK)
FETCHER_PRESENT: Final = FetcherPresent.ROUTING_KEY
ACCESS_CHANGED: Final = AccessChanged.ROUTING_KEY

# No limit in practice. Quorum queues count every redelivery, even those caused by an outage or a
# killed service, and no outage may make a mail a dead letter. Without this argument, RabbitMQ 4
# applies a limit of 20. Services notice by themselves that a mail fails, and mails are read in a
# process that can be killed.
DELIVERY_LIMIT: Final = 1_000_000

# about 700,000 events
EVENT_BACKLOG_BYTES: Final = 512 * 1024 * 1024


@dataclass(frozen=True)
class Binding:
    """Messages of `exchange` whose routing key matches `pattern` go to the queue."""

    exchange: str
    pattern: str


@dataclass(frozen=True)
class Queue:
    """A durable queue; `arguments` as RabbitMQ names them (rabbitmq.com/docs/queues,
    /quorum-queues, /streams).
    """

    name: str
    arguments: dict[str, Any]
    bindings: tuple[Binding, ...] = ()
    essential: bool = True  # if false, mail flows without the queue if the broker cannot serve it


@dataclass(frozen=True)
class Topology:
    """All durable exchanges (topic) and queues."""

    exchanges: tuple[str, ...] = (MAIL, CASE, EVENT)
    queues: tuple[Queue, ...] = field(default=())

    @property
    def origins(self) -> tuple[str, ...]:
        """The queues whose messages can become dead letters."""
        names = {queue.name for queue in self.queues}
        return tuple(queue.name for queue in self.queues if dead_name(queue.name) in names)


def mailcase_topology(*, archive_max_age_days: float, archive_max_bytes: int) -> Topology:
    """The topology of an installation; each archive keeps the given age in days and bytes.

    The archive of events shows which case a mail was in, even after the database lost it.
    """
    kept: dict[str, Any] = {
        "x-queue-type": "stream",
        "x-max-age": f"{max(1, round(archive_max_age_days * 86400))}s",
        "x-max-length-bytes": archive_max_bytes,
    }
    events = (
        Binding(EVENT, "case.#"),
        Binding(EVENT, "mail.parked.#"),
        Binding(EVENT, "mail.ignored.#"),
    )
    return Topology(
        queues=(
            dead_letter_queue(ROUTER_MAIL),
            deferred_queue(ROUTER_MAIL),
            _work_queue(ROUTER_MAIL, Binding(MAIL, "raw.#")),
            Queue(MAIL_ARCHIVE, kept, (Binding(MAIL, "raw.#"),), essential=False),
            Queue(EVENT_ARCHIVE, kept, events, essential=False),
            dead_letter_queue(CASE_WRITER_COMMANDS),
            deferred_queue(CASE_WRITER_COMMANDS),
            _work_queue(CASE_WRITER_COMMANDS, Binding(CASE, "#")),
            dead_letter_queue(SENDER_WORK),
            deferred_queue(SENDER_WORK),
            _work_queue(SENDER_WORK),
            dead_letter_queue(EXTRACTOR_WORK),
            deferred_queue(EXTRACTOR_WORK),
            _event_queue(
                EXTRACTOR_WORK, Binding(EVENT, "case.opened.#"), Binding(EVENT, "case.appended.#")
            ),
            dead_letter_queue(DESK_INDEX),
            deferred_queue(DESK_INDEX),
            _event_queue(DESK_INDEX, Binding(EVENT, "case.#")),
        )
    )


def dead_name(queue: str) -> str:
    """The queue of the dead letters of `queue`."""
    return f"{queue}.dead"


def newer_name(queue: str) -> str:
    """The deferred queue of `queue`: messages that are newer than the service that got them."""
    return f"{queue}.newer"


def deferred_queue(queue: str) -> Queue:
    return Queue(newer_name(queue), {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT})


def dead_letter_queue(queue: str) -> Queue:
    # Only a person removes messages from here: without a limit, RabbitMQ 4 drops a message after 20
    # redeliveries.
    return Queue(dead_name(queue), {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT})


def _work_queue(name: str, *bindings: Binding) -> Queue:
    arguments: dict[str, str | int] = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead_name(name),
        # At-least-once dead-lettering needs the overflow that refuses instead of dropping.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    return Queue(name, arguments, bindings)


def _event_queue(name: str, *bindings: Binding) -> Queue:
    """A queue of events whose consumer is optional in an installation.

    Beyond a size, it drops its oldest events: their effects can be rebuilt from the database, while
    a full disk of the broker would stop all mail.
    """
    arguments: dict[str, str | int] = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-max-length-bytes": EVENT_BACKLOG_BYTES,
        "x-overflow": "drop-head",
    }
    return Queue(name, arguments, bindings)


def private_queue_name(name: str) -> str:
    """The exclusive queue of one connection that follows an ingest or a replay."""
    return f"fetcher.{name}"


def receipts_queue(mailbox: str, replica: str) -> str:
    """The exclusive queue of a mailbox's receipts. Replicas use different names, so that none
    blocks another.
    """
    return f"fetcher.receipts.{mailbox}.{replica}"


def replica_queue(replica: str) -> str:
    """The exclusive queue in which one fetcher receives the others' presence. Mailbox names contain
    no dot.
    """
    return f"fetcher.replica.{replica}"


def live_queue(replica: str) -> str:
    """The queue of one desk's connection, which feeds the live events of its open pages."""
    return f"desk.live.{replica}"


def raw_key(process: str, mailbox: str) -> str:
    return f"raw.{process}.{mailbox}"


def answer_key(process: str) -> str:
    return f"answer.{process}"


def fields_key(process: str) -> str:
    return f"fields.{process}"


def replayed_key(run: str) -> str:
    return MailsReplayed.ROUTING_KEY.format(run=run)


def receipt_key(mailbox: str) -> str:
    return MailsRecorded.ROUTING_KEY.format(mailbox=mailbox)
