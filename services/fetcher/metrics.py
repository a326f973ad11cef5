"""The fetcher's metrics, per mailbox."""

from prometheus_client import Counter, Gauge, Histogram

from services.fetcher.ports import FailureKind
from services.runtime.metrics import MAILS, SECONDS

FETCHED = Counter("mailcase_mailbox_mails_fetched_total", "Mails published", ["mailbox"])
FETCHED_BYTES = Counter(
    "mailcase_mailbox_bytes_fetched_total", "Bytes of mails published", ["mailbox"]
)
REMOVED = Counter(
    "mailcase_mailbox_mails_removed_total", "Mails removed after their receipt", ["mailbox"]
)
TOO_LARGE = Counter(
    "mailcase_mailbox_mails_too_large_total", "Mails over the size limit", ["mailbox"]
)
UNREADABLE = Counter(
    "mailcase_mailbox_mails_unreadable_total", "Mails that the server cannot return", ["mailbox"]
)
REPUBLISHED = Counter(
    "mailcase_mailbox_mails_republished_total", "Mails whose receipt was late", ["mailbox"]
)
IN_FLIGHT = Gauge(
    "mailcase_mailbox_mails_in_flight", "Mails published and not yet recorded", ["mailbox"]
)
IN_FLIGHT_BYTES = Gauge(
    "mailcase_mailbox_in_flight_bytes", "Bytes published and not yet recorded", ["mailbox"]
)
LEFT = Gauge(
    "mailcase_mailbox_mails_left", "Mails found by the last poll and not published yet", ["mailbox"]
)
OLDEST_AGE = Gauge(
    "mailcase_mailbox_oldest_unfetched_age_seconds",
    "Age of the oldest mail not fetched yet, 0 without one",
    ["mailbox"],
)
OLDEST_IN_FLIGHT_AGE = Gauge(
    "mailcase_mailbox_oldest_in_flight_age_seconds",
    "Age of the oldest mail published and not yet recorded, 0 without one",
    ["mailbox"],
)
BACKPRESSURE = Gauge(
    "mailcase_mailbox_paused",
    "1 while a dependency accepts no mail: broker, store or receipts",
    ["mailbox", "by"],
)
UP = Gauge(
    "mailcase_mailbox_up", "1 while this replica reads the mailbox without failure", ["mailbox"]
)
CONNECTS = Counter("mailcase_mailbox_connects_total", "Successful log-ins", ["mailbox"])
FAILURES = Counter("mailcase_mailbox_failures_total", "Failures by kind", ["mailbox", "kind"])
LEASE_HELD = Gauge(
    "mailcase_mailbox_lease_held", "1 while this replica holds the mailbox's lease", ["mailbox"]
)
LAST_SUCCESS = Gauge(
    "mailcase_mailbox_last_success_timestamp_seconds",
    "Time of the last successful poll",
    ["mailbox"],
)
POLL_INTERVAL = Gauge(
    "mailcase_mailbox_poll_interval_seconds",
    "Longest time between two polls, from the settings",
    ["mailbox"],
)
UNREAD_SECONDS = Gauge(
    "mailcase_mailbox_unread_seconds",
    "Seconds since any fetcher was seen to hold the mailbox's lease",
    ["mailbox"],
)
FETCH_SECONDS = Histogram(
    "mailcase_fetch_seconds", "Time to fetch a batch from a mail server", buckets=SECONDS
)
FETCH_MAILS = Histogram("mailcase_fetch_mails", "Mails fetched in a batch", buckets=MAILS)


def initialize(mailbox: str) -> None:
    """Create a mailbox's series with value 0, so that the first event counts as an increase."""
    for counter in (FETCHED, FETCHED_BYTES, REMOVED, TOO_LARGE, UNREADABLE, REPUBLISHED, CONNECTS):
        counter.labels(mailbox)
    for failure_kind in FailureKind:
        FAILURES.labels(mailbox, failure_kind)
    reset(mailbox)


def reset(mailbox: str) -> None:
    """Reset the series of a mailbox that this replica no longer reads; its next reader reports
    them.
    """
    for measured in (OLDEST_AGE, OLDEST_IN_FLIGHT_AGE, LEFT):
        measured.labels(mailbox).set_function(lambda: 0.0)
    for gauge in (IN_FLIGHT, IN_FLIGHT_BYTES, UP):
        gauge.labels(mailbox).set(0)
    for dependency in ("broker", "store", "receipts"):
        BACKPRESSURE.labels(mailbox, dependency).set(0)
