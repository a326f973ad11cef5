"""The JSON of the dashboards matches its source, and queries only what exists."""

import json
import re
from itertools import combinations
from typing import Any

import pytest
import yaml

from deploy.grafana.__main__ import DASHBOARDS, FOLDER, text_of
from deploy.grafana.render import pieces
from deploy.local.servers.prometheus import DETAILED
from services.runtime.broker.topology import mailcase_topology
from tests.unit.runtime.test_metrics_page import exported
from tests.watching.manifests import ROOT, panels, rules, selectors, triggers

HISTOGRAM = ("_bucket", "_sum", "_count")
LIBRARY = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


@pytest.fixture(params=sorted(DASHBOARDS))
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / request.param).read_text())
    return read


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_the_json_is_made_from_its_source(name: str) -> None:
    assert (FOLDER / name).read_text() == text_of(DASHBOARDS[name]), "run: python -m deploy.grafana"


def test_a_dashboard_loads_anywhere(dashboard: dict[str, Any]) -> None:
    """It has no ids of another Grafana, and every panel uses the data source selected
    at the top.
    """
    assert dashboard["id"] is None
    variables = dashboard["templating"]["list"]
    sources = [variable["name"] for variable in variables if variable["type"] == "datasource"]
    assert sources == ["datasource"]
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            assert all(source["datasource"] == chosen for source in [panel, *panel["targets"]])
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_every_panel_is_described(dashboard: dict[str, Any]) -> None:
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert [panel["title"] for panel in panels if not panel.get("description", "").strip()] == []


def test_every_query_goes_by_the_namespaces_that_are_chosen(dashboard: dict[str, Any]) -> None:
    """As in the alerts and KEDA's queries. "All" is the default, and also matches series without a
    namespace.
    """
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    chosen = variables["namespace"]
    assert (chosen["includeAll"], chosen["multi"], chosen["allValue"]) == (True, True, ".*")
    assert chosen["current"] == {"text": ["All"], "value": ["$__all"]}
    queries = [
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())
    ]
    queries += [
        one["definition"].rpartition(",")[0] for name, one in variables.items() if name == "process"
    ]
    assert len(queries) > 30
    for query in queries:
        found = selectors(query)
        assert found
        assert [
            selector for selector in found if 'namespace=~"$namespace"' not in selector
        ] == [], query


def test_panels_do_not_overlap(dashboard: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for place, other in combinations(places, 2):
        beside = place["x"] + place["w"] <= other["x"] or other["x"] + other["w"] <= place["x"]
        assert (
            beside or place["y"] + place["h"] <= other["y"] or other["y"] + other["h"] <= place["y"]
        )


def test_every_queried_metric_is_exported() -> None:
    known = LIBRARY | {rule["record"] for rule in rules() if "record" in rule}
    for name, (kind, _) in exported().items():
        known |= {name + ending for ending in HISTOGRAM} if kind == "histogram" else {name}
    asked = [*panels(), *triggers(), *(rule["expr"] for rule in rules())]
    expressions = [query if isinstance(query, str) else query.text for query in asked]
    names = {
        selector.partition("{")[0]
        for expression in expressions
        for selector in selectors(expression)
    }
    assert {name for name in names if name and not name.startswith("rabbitmq_")} <= known


def test_every_queried_queue_is_declared() -> None:
    topology = mailcase_topology(archive_max_age_days=1, archive_max_bytes=1)
    queues = [queue.name for queue in topology.queues]
    asked = " ".join(
        [*(query.text for query in [*panels(), *triggers()]), *(rule["expr"] for rule in rules())]
    )
    found = re.findall(r'\bqueue(=~?)"([^"]+)"', asked)
    patterns = {
        re.escape(text) if how == "=" else text.replace("\\\\", "\\") for how, text in found
    }
    kinds = {pattern for whole in patterns for pattern in whole.split("|")}
    assert {
        pattern for pattern in kinds if not any(re.fullmatch(pattern, queue) for queue in queues)
    } == set()
    assert kinds >= {r".+\.dead", r".+\.newer", r"router\.mail"}


def test_a_cluster_scrapes_of_the_broker_what_the_dashboards_need() -> None:
    """The test with a real Prometheus scrapes the same families."""
    manifest = yaml.safe_load(
        (ROOT / "deploy/k8s/components/rabbitmq-monitoring/pods.yaml").read_text()
    )
    ends = {end["path"]: end.get("params", {}) for end in manifest["spec"]["podMetricsEndpoints"]}
    assert set(ends) == {"/metrics", "/metrics/detailed"}
    assert set(ends["/metrics/detailed"]["family"]) >= set(DETAILED["family"])


def test_a_line_of_the_picture_ends_where_there_is_no_value() -> None:
    assert pieces([(0.0, 1.0), (1.0, 2.0), (5.0, 3.0)], 1.0) == [
        [(0.0, 1.0), (1.0, 2.0)],
        [(5.0, 3.0)],
    ]
    assert pieces([], 1.0) == []
