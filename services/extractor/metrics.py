"""The metrics of the extractor."""

from prometheus_client import Counter, Histogram

from services.runtime.metrics import RETRIES, SECONDS

# `kind` is the format of an invoice, `document` for a file without a valid invoice, another source
# of values, or `mail`. `result` is `read`, `nothing`, or the flag that says what was wrong.
EXTRACTIONS = Counter(
    "mailcase_extractions_total", "What was read in mails and their files", ["kind", "result"]
)
EXTRACTION_SECONDS = Histogram(
    "mailcase_extraction_seconds", "Time to read the fields of a mail", buckets=SECONDS
)
EXTRACTION_LAG_SECONDS = Histogram(
    "mailcase_extraction_lag_seconds",
    "From the event of a recorded mail to the report of its fields",
    buckets=SECONDS,
)


def introduce() -> None:
    """Start the series at 0, so that the first extraction is an increase."""
    RETRIES.labels("extract")
    for kind in ("ksef-fa2", "ksef-fa3", "ubl-invoice", "ubl-credit-note", "cii", "line"):
        EXTRACTIONS.labels(kind, "read")
    EXTRACTIONS.labels("document", "extraction-limit")
