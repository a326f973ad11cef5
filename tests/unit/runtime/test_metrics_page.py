"""docs/metrics.md matches the code: every metric with its type and labels, and no other."""

import importlib
import re
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

ROOT = Path(__file__).parents[3]
ROW = re.compile(r"^\| `(mailcase_\w+)` \| (\w+) \| ([\w, ]*) ?\| \S", re.MULTILINE)
# Base units, what is counted, or a yes-or-no condition.
ENDINGS = {
    "seconds",
    "bytes",
    "total",
    "info",
    "mails",
    "cases",
    "up",
    "held",
    "left",
    "in_flight",
    "paused",
    "in_hand",
    "limit",
}
ENDINGS |= {"pending", "open", "in_progress", "streams"}


def exported() -> dict[str, tuple[str, list[str]]]:
    """The name (as a scrape shows it), type and labels of every metric of every service."""
    found = {}
    for file in (ROOT / "services").glob("**/metrics.py"):
        module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
        for metric in vars(module).values():
            if isinstance(metric, MetricWrapperBase):
                kind = metric._type or ""
                found[metric._name + ("_total" if kind == "counter" else "")] = (
                    kind,
                    list(metric._labelnames),
                )
    return found


def test_the_page_describes_every_metric_with_its_type_and_labels() -> None:
    rows = ROW.findall((ROOT / "docs" / "metrics.md").read_text())
    told = {
        name: (kind, [label for label in labels.strip().split(", ") if label])
        for name, kind, labels in rows
    }
    assert len(told) == len(rows)
    assert told == exported()


@pytest.mark.parametrize("name", sorted(exported()))
def test_a_metric_is_named_after_its_unit_and_its_system(name: str) -> None:
    assert name.startswith("mailcase_")
    assert name.endswith(tuple(f"_{ending}" for ending in ENDINGS))


def test_no_label_can_have_many_values() -> None:
    allowed = {
        "process",
        "mailbox",
        "queue",
        "exchange",
        "outcome",
        "reason",
        "action",
        "rule",
        "dependency",
        "what",
    }
    allowed |= {"kind", "by", "oauth2", "service", "version", "python", "smtp", "result", "state"}
    allowed |= {"method", "route", "status"}
    assert {label for _, labels in exported().values() for label in labels} <= allowed
