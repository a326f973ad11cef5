"""Metrics that several stages share; names end in their base unit (prometheus.io/docs/practices/naming).

docs/metrics.md tells of every metric; a test holds the page to the code.
"""

import platform
from importlib.metadata import version

from prometheus_client import Counter, Gauge, Histogram

# From a millisecond to a minute: a mail is recorded within 100 ms when all is well.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# For what may wait out an outage.
LONG_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0)
MAILS = (1, 2, 5, 10, 20, 50, 100, 200, 500)

BUILD = Gauge("mailcase_build_info", "1, with what runs here", ["stage", "version", "python"])
PUBLISHED = Counter("mailcase_messages_published_total", "Messages confirmed by the broker", ["exchange"])
UNCONFIRMED = Counter("mailcase_messages_unconfirmed_total", "Messages the broker did not take", ["exchange"])
CONFIRM_SECONDS = Histogram(
    "mailcase_publish_confirm_seconds", "From publishing to the broker's confirm", ["exchange"], buckets=SECONDS
)
DEAD_LETTERED = Counter("mailcase_messages_dead_lettered_total", "Messages that broke their contract", ["queue"])
REDELIVERED = Counter("mailcase_messages_redelivered_total", "Messages that may have come before", ["queue"])
WAIT_SECONDS = Histogram(
    "mailcase_message_wait_seconds", "From publishing to a stage's taking", ["queue"], buckets=(*SECONDS, 300.0, 3600.0)
)
IN_HAND = Gauge("mailcase_messages_in_hand", "Messages delivered here and not yet acknowledged", ["queue"])
IN_HAND_MOST = Gauge("mailcase_messages_in_hand_limit", "How many the broker delivers ahead", ["queue"])
OLDEST_SECONDS = Gauge(
    "mailcase_queue_oldest_age_seconds", "Age of the oldest message in hand, 0 without one", ["queue"]
)
BATCH_SECONDS = Histogram("mailcase_batch_seconds", "Time to process a batch of messages", ["queue"], buckets=SECONDS)
BATCH_MAILS = Histogram("mailcase_batch_mails", "Mails in a batch", ["queue"], buckets=MAILS)
BATCH_FAILURES = Counter("mailcase_batch_failures_total", "Batches given up and delivered again", ["queue"])
RETRIES = Counter("mailcase_retries_total", "Attempts repeated after a transient failure", ["what"])
ARCHIVE_UP = Gauge("mailcase_archive_up", "1 while an archive takes what it keeps, 0 where it cannot", ["queue"])
SECRET_EXPIRY = Gauge("mailcase_secret_expiry_seconds", "Seconds until the OAuth2 client's secret ends", ["oauth2"])
LOOP_LAG_SECONDS = Histogram(
    "mailcase_event_loop_lag_seconds", "How much later than asked for the event loop turned", buckets=SECONDS
)
DEPENDENCY_UP = Gauge("mailcase_dependency_up", "1 while the broker or the database answers", ["dependency"])


def introduce_service(stage: str) -> None:
    """Tell what runs in this process."""
    BUILD.labels(stage, version("mailcase"), platform.python_version()).set(1)


def introduce_queue(queue: str, prefetch: int) -> None:
    """Let a queue's counters begin at 0 before anything happens, so that the first event counts as a rise."""
    IN_HAND_MOST.labels(queue).set(prefetch)
    for counter in (DEAD_LETTERED, REDELIVERED, BATCH_FAILURES):
        counter.labels(queue)
