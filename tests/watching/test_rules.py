"""Every alert fires when it should, is quiet otherwise, and has a section in the runbook."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.promql import RECORDED
from deploy.local.programs import find_programs
from tests.watching.manifests import ROOT, panels, rule_groups, rules, selectors

CASES = [Path(__file__).parent / "alerts.yaml", Path(__file__).parent / "alerts_over_days.yaml"]
ALERTS = [rule for rule in rules() if "alert" in rule]
SECTIONS = re.split(r"^### ", (ROOT / "docs/runbook.md").read_text(), flags=re.MULTILINE)[1:]
GUIDE = {section.partition("\n")[0]: section.partition("\n")[2] for section in SECTIONS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": rule_groups()}))
    for cases in CASES:
        (tmp_path / cases.name).write_text(cases.read_text())
    return tmp_path


def promtool(folder: Path, *arguments: str) -> None:
    program = find_programs(["promtool"])["promtool"]
    ended = subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_prometheus_accepts_every_rule(prometheus_programs: None, folder: Path) -> None:
    promtool(folder, "check", "rules", "rules.yaml")


def test_alerts_fire_and_stay_quiet_as_they_should(prometheus_programs: None, folder: Path) -> None:
    promtool(folder, "test", "rules", *(cases.name for cases in CASES))


def test_every_recorded_series_is_read_by_an_alert_or_a_panel() -> None:
    """Two installations under one Prometheus stay apart in it."""
    recorded = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
    read = [query.text for query in panels()] + [rule["expr"] for rule in rules()]
    names = {selector.partition("{")[0] for text in read for selector in selectors(text)}
    assert set(recorded) <= names
    assert [name for name, text in recorded.items() if "by (namespace" not in text] == []
    page = (ROOT / "docs/metrics.md").read_text()
    assert [name for name in recorded if name.rpartition(":")[2] not in page] == []
    assert set(re.findall(r"`(mailcase:[\w:]+)`", page)) <= set(recorded)


def test_the_dashboards_read_a_histogram_from_its_recording_rule() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    names = {f"{name.replace('_', ':', 1)}_bucket:rate5m" for name in RECORDED}
    assert names == {name for name in recorded if name.endswith("_bucket:rate5m")}


def test_every_alert_is_tested_both_firing_and_quiet() -> None:
    checks = [
        check
        for cases in CASES
        for test in yaml.safe_load(cases.read_text())["tests"]
        for check in test.get("alert_rule_test", ())
    ]
    names = {rule["alert"] for rule in ALERTS}
    assert {check["alertname"] for check in checks if check["exp_alerts"]} == names
    assert {check["alertname"] for check in checks if not check["exp_alerts"]} == names


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_leads_to_its_section_of_the_guide(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
    text = GUIDE[rule["alert"]]
    assert len(text.split()) >= 25
    assert "It ends" in text or "](#mailcase" in text


def test_the_guide_names_no_alert_that_does_not_exist() -> None:
    assert {title for title in GUIDE if title.startswith("Mailcase")} == {
        rule["alert"] for rule in ALERTS
    }


def test_links_within_the_guide_lead_somewhere() -> None:
    text = (ROOT / "docs/runbook.md").read_text()
    titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= anchors
