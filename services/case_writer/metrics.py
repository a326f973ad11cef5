"""What the case writer counts."""

from prometheus_client import Counter, Histogram

from services.runtime.metrics import SECONDS

OUTCOMES = Counter("mailcase_mails_recorded_total", "Mails whose outcome was written", ["process", "outcome"])
DUPLICATES = Counter("mailcase_mails_duplicate_total", "Further deliveries of recorded mails", ["process"])
END_TO_END_SECONDS = Histogram(
    "mailcase_mail_end_to_end_seconds", "From fetching a mail to its recorded outcome", ["process"], buckets=SECONDS
)
READ_SECONDS = Histogram("mailcase_mail_read_seconds", "Time to read a mail", buckets=SECONDS)
TRANSACTION_SECONDS = Histogram("mailcase_transaction_seconds", "Time of a written transaction", buckets=SECONDS)
CONFLICTS = Counter("mailcase_transaction_conflicts_total", "Transactions repeated because another writer was first")
SPLITS = Counter("mailcase_batches_split_total", "Batches written mail by mail after they failed together")
