"""Alert rules, dashboards and scaling triggers as data, with the expressions that they contain."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from deploy.grafana.__main__ import DASHBOARDS

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/k8s/components/monitoring/rules.yaml"
AUTOSCALING = ROOT / "deploy/k8s/components/autoscaling"

# A series with what selects it: `name{…}`, or `{__name__=~"…"}`. Names of ours and of the servers
# that we scrape.
_SELECTOR = re.compile(
    r'(?:(?<![\w:])(?:mailcase|rabbitmq|process)[\w:]*(?:\{[^}]*\})?)|\{__name__=~"[^}]*"\}'
)
_LABEL_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")


class Expression(NamedTuple):
    """A PromQL expression, and where it is, for the message of a test."""

    where: str
    text: str


def panels() -> list[Expression]:
    """The expressions of the dashboards, with Grafana's variables filled in."""
    filled = {
        "$__rate_interval": "5m",
        "$__range": "1h",
        "$process": ".*",
        "$namespace": "mailcase",
    }

    def fill(text: str) -> str:
        return re.sub("|".join(map(re.escape, filled)), lambda variable: filled[variable[0]], text)

    return [
        Expression(f"{dashboard.title}: {title}", fill(text))
        for dashboard in DASHBOARDS.values()
        for title, text in dashboard.queries()
    ]


def rule_groups() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["spec"]["groups"]
    return groups


def rules() -> list[dict[str, Any]]:
    return [rule for group in rule_groups() for rule in group["rules"]]


def triggers() -> list[Expression]:
    """The Prometheus queries of KEDA's ScaledObjects."""
    found = []
    for file in sorted(AUTOSCALING.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            for trigger in (document or {}).get("spec", {}).get("triggers", ()):
                if trigger["type"] == "prometheus":
                    where = f"{file.name}: {trigger.get('name', trigger['type'])}"
                    found.append(Expression(where, trigger["metadata"]["query"]))
    return found


def selectors(expression: str) -> set[str]:
    """The series that an expression reads, with their label matchers and without ranges."""
    return set(_SELECTOR.findall(_LABEL_LISTS.sub("", expression)))
