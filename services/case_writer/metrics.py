"""What the case writer counts."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from services.runtime.metrics import LONG_SECONDS, RETRIES, SECONDS

# `reason` says why a mail was parked or ignored; it is empty for other mails.
OUTCOMES = Counter(
    "mailcase_mails_recorded_total",
    "Mails whose outcome was written",
    ["process", "outcome", "reason"],
)
DUPLICATES = Counter(
    "mailcase_mails_duplicate_total", "Further deliveries of recorded mails", ["process"]
)
END_TO_END_SECONDS = Histogram(
    "mailcase_mail_end_to_end_seconds",
    "From fetching a mail to its recorded outcome",
    ["process"],
    buckets=SECONDS,
)
AGE_SECONDS = Histogram(
    "mailcase_mail_arrival_to_recorded_seconds",
    "From a fetched mail's arrival in its mailbox to its recorded outcome",
    ["process"],
    buckets=LONG_SECONDS,
)
READ_SECONDS = Histogram(
    "mailcase_mail_read_seconds",
    "Time to read a mail; mails that are read together share it",
    buckets=SECONDS,
)
TRANSACTION_SECONDS = Histogram(
    "mailcase_transaction_seconds", "Time of a written transaction", buckets=SECONDS
)
BLOBS_SWEPT = Counter(
    "mailcase_blobs_removed_total", "Blobs removed because nothing referred to them"
)
CONFLICTS = Counter(
    "mailcase_transaction_conflicts_total", "Transactions repeated because another writer was first"
)
SPLITS = Counter(
    "mailcase_batches_split_total", "Batches written mail by mail after they failed together"
)
PARKED = Gauge(
    "mailcase_parked_mails", "Parked mails that wait for a person", ["process", "reason"]
)
PARKED_OLDEST = Gauge(
    "mailcase_parked_oldest_timestamp_seconds",
    "When the oldest waiting mail of a process was parked",
    ["process"],
)

FIELD_CONFLICTS = Counter(
    "mailcase_field_conflicts_total",
    "Cases that were flagged because mails and people disagree on a field",
    ["process"],
)
FIELD_DUPLICATES = Counter(
    "mailcase_field_duplicates_total", "Cases that were linked as duplicates", ["process"]
)

OVERDUE = Gauge("mailcase_overdue_cases", "Open cases that are past their due date", ["process"])


def introduce(processes: Iterable[str]) -> None:
    """Let the series of each process begin at 0 before anything happens, so that the first mail
    counts as a rise.
    """
    RETRIES.labels("write")
    for process in processes:
        for outcome in ("opened", "appended"):
            OUTCOMES.labels(process, outcome, "")
        for family in (
            DUPLICATES,
            END_TO_END_SECONDS,
            AGE_SECONDS,
            FIELD_CONFLICTS,
            FIELD_DUPLICATES,
        ):
            family.labels(process)
