"""What the router counts."""

from prometheus_client import Counter

DECISIONS = Counter("mailcase_mails_routed_total", "Mails by what was decided", ["process", "action", "rule"])
