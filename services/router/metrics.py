"""The metrics of the router."""

from prometheus_client import Counter

DECISIONS = Counter(
    "mailcase_mails_routed_total", "Mails by the decision about them", ["process", "action", "rule"]
)
