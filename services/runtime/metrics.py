"""Metrics that several stages share; names end in their base unit (prometheus.io/docs/practices/naming)."""

from prometheus_client import Counter, Gauge, Histogram

# From a millisecond to a minute: a mail is recorded within 100 ms when all is well.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

PUBLISHED = Counter("mailcase_messages_published_total", "Messages confirmed by the broker", ["exchange"])
DEAD_LETTERED = Counter("mailcase_messages_dead_lettered_total", "Messages that broke their contract", ["queue"])
BATCH_SECONDS = Histogram("mailcase_batch_seconds", "Time to process a batch of messages", ["queue"], buckets=SECONDS)
BATCH_MAILS = Histogram(
    "mailcase_batch_mails", "Mails in a batch", ["queue"], buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)
RETRIES = Counter("mailcase_retries_total", "Attempts repeated after a transient failure", ["what"])
ARCHIVE_UP = Gauge("mailcase_archive_up", "1 while mails go to the archive, 0 where the broker cannot serve it")
DEPENDENCY_UP = Gauge("mailcase_dependency_up", "1 while the broker or the database answers", ["dependency"])
