"""The metrics of the router."""

from functools import lru_cache

from prometheus_client import Counter

DECISIONS = Counter(
    "mailcase_mails_routed_total", "Mails by the decision about them", ["process", "action", "rule"]
)


@lru_cache(maxsize=1024)
def decisions(process: str, action: str, rule: str) -> Counter:
    """The counter of these decisions; looking it up takes longer than counting."""
    return DECISIONS.labels(process, action, rule)
