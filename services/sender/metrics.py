"""The metrics of the sender."""

from collections.abc import Iterable
from itertools import product

from prometheus_client import Counter, Gauge, Histogram

from services.runtime.metrics import SECONDS

ENDED = Counter(
    "mailcase_sender_mails_total",
    "Finished outgoing mails: sent, refused, given-up, suppressed",
    ["process", "kind", "state"],
)
SUPPRESSED = Counter(
    "mailcase_sender_suppressed_total",
    "Automatic mails that were not sent, by reason",
    ["process", "reason"],
)
ATTEMPTS = Counter(
    "mailcase_sender_attempts_total",
    "Delivery attempts: accepted, again, refused",
    ["smtp", "result"],
)
SEND_SECONDS = Histogram(
    "mailcase_sender_send_seconds",
    "Duration of an attempt, from connecting to the answer",
    ["smtp"],
    buckets=SECONDS,
)
SERVER_UP = Gauge(
    "mailcase_sender_server_up",
    "1 while sessions with the SMTP server succeed, 0 after one failed",
    ["smtp"],
)
END_TO_END_SECONDS = Histogram(
    "mailcase_sender_end_to_end_seconds",
    "From writing an outgoing mail to its acceptance",
    ["kind"],
    buckets=SECONDS,
)
PENDING = Gauge("mailcase_sender_outbox_pending", "Unfinished outgoing mails")
OLDEST_AGE = Gauge(
    "mailcase_sender_outbox_oldest_age_seconds",
    "Age of the oldest unfinished outgoing mail, 0 if there is none",
)
BREAKER_OPEN = Gauge(
    "mailcase_sender_breaker_open", "1 while automatic mail is held because too much was sent"
)
BREAKER_TRIPS = Counter(
    "mailcase_sender_breaker_trips_total", "How often automatic mail was stopped"
)


def introduce(processes: Iterable[str], servers: Iterable[str]) -> None:
    """Start the series of each process and SMTP server at 0, so that the first event is an
    increase.
    """
    for labels in product(
        processes,
        ("acknowledgement", "answer", "notice"),
        ("sent", "refused", "given-up", "suppressed"),
    ):
        ENDED.labels(*labels)
    for server in servers:
        SEND_SECONDS.labels(server)
        SERVER_UP.labels(server).set(1)
        for result in ("accepted", "again", "refused"):
            ATTEMPTS.labels(server, result)
