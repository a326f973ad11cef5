"""The metrics of webhooks."""

from prometheus_client import Counter

ATTEMPTS = Counter(
    "mailcase_webhook_attempts_total",
    "Attempts to deliver an event to a webhook, by their result.",
    ["result"],
)
RESULTS = ("delivered", "retried", "failed", "withheld")

for result in RESULTS:
    ATTEMPTS.labels(result)
