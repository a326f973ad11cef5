"""Metrics that several services share; names end in their base unit
(prometheus.io/docs/practices/naming).

docs/metrics.md documents every metric; a test compares the page with the code.
"""

import platform
from importlib.metadata import version

from prometheus_client import Counter, Gauge, Histogram

# From a millisecond to a minute: normally a mail is recorded within 100 ms.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# For durations that include an outage.
LONG_SECONDS = (
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    900.0,
    3600.0,
    21_600.0,
    86_400.0,
)
MAILS = (1, 2, 5, 10, 20, 50, 100, 200, 500)

BUILD = Gauge(
    "mailcase_build_info", "1, with the version that runs here", ["service", "version", "python"]
)
PUBLISHED = Counter(
    "mailcase_messages_published_total", "Messages confirmed by the broker", ["exchange"]
)
UNCONFIRMED = Counter(
    "mailcase_messages_unconfirmed_total", "Messages the broker did not confirm", ["exchange"]
)
CONFIRM_SECONDS = Histogram(
    "mailcase_publish_confirm_seconds",
    "Time from publishing to the broker's confirm",
    ["exchange"],
    buckets=SECONDS,
)
DEAD_LETTERED = Counter(
    "mailcase_messages_dead_lettered_total", "Messages moved to the dead letters", ["queue"]
)
REDELIVERED = Counter(
    "mailcase_messages_redelivered_total", "Messages that may be redeliveries", ["queue"]
)
WAIT_SECONDS = Histogram(
    "mailcase_message_wait_seconds",
    "Time from publishing to processing",
    ["queue"],
    buckets=(*SECONDS, 300.0, 3600.0),
)
IN_HAND = Gauge(
    "mailcase_messages_in_hand", "Messages delivered here and not yet acknowledged", ["queue"]
)
IN_HAND_MOST = Gauge(
    "mailcase_messages_in_hand_limit", "The prefetch limit of the consumer", ["queue"]
)
OLDEST_SECONDS = Gauge(
    "mailcase_queue_oldest_age_seconds",
    "Age of the oldest message in hand, 0 if there is none",
    ["queue"],
)
BATCH_SECONDS = Histogram(
    "mailcase_batch_seconds", "Time to process a batch of messages", ["queue"], buckets=SECONDS
)
BATCH_MAILS = Histogram("mailcase_batch_mails", "Mails in a batch", ["queue"], buckets=MAILS)
BATCH_FAILURES = Counter(
    "mailcase_batch_failures_total", "Batches that failed and are delivered again", ["queue"]
)
RETRIES = Counter("mailcase_retries_total", "Attempts repeated after a transient failure", ["what"])
ARCHIVE_UP = Gauge(
    "mailcase_archive_up",
    "1 while an archive stream accepts messages, 0 while it does not",
    ["queue"],
)
SECRET_EXPIRY = Gauge(
    "mailcase_secret_expiry_seconds", "Seconds until the OAuth2 client's secret expires", ["oauth2"]
)
LOOP_LAG_SECONDS = Histogram(
    "mailcase_event_loop_lag_seconds", "Delay of the event loop", buckets=SECONDS
)
DEPENDENCY_UP = Gauge(
    "mailcase_dependency_up", "1 while the broker or the database answers", ["dependency"]
)


def introduce_service(service: str) -> None:
    """Set the build metric of this process."""
    BUILD.labels(service, version("mailcase"), platform.python_version()).set(1)


def introduce_queue(queue: str, prefetch: int) -> None:
    """Start a queue's counters at 0, so that the first event is an increase."""
    IN_HAND_MOST.labels(queue).set(prefetch)
    for counter in (DEAD_LETTERED, REDELIVERED, BATCH_FAILURES):
        counter.labels(queue)
