"""The dashboards pass through Grafana's own types unchanged."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.__main__ import DASHBOARDS, FOLDER

# Fields of Grafana 11 and 12 that the types, which are those of Grafana 10.1, do not have.
NEWER = {
    ".annotations.list[].builtIn",
    ".panels[].options.showPercentChange",
    ".panels[].options.tooltip.hideZeros",
    ".panels[].options.wideLayout",
    ".preload",
    ".templating.list[].definition",
}


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_a_dashboard_keeps_every_field_in_the_types_of_grafana(name: str) -> None:
    ours = json.loads((FOLDER / name).read_text())
    assert set(_differences(ours, _through_grafana(ours))) <= NEWER


def test_a_field_that_grafana_does_not_know_is_seen() -> None:
    ours = json.loads((FOLDER / min(DASHBOARDS)).read_text())
    ours["panels"][1]["fieldConfig"]["defaults"]["units"] = "s"
    found = set(_differences(ours, _through_grafana(ours)))
    assert found - NEWER == {".panels[].fieldConfig.defaults.units"}


def _through_grafana(dashboard: dict[str, Any]) -> Any:
    register_default_plugins()
    return json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))


def _differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """The places where `theirs` lacks or changes something of `ours`; a null may be left out."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from _differences(value, theirs[key], f"{path}.{key}")
            elif value is not None:
                yield f"{path}.{key}"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for item, other in zip(ours, theirs, strict=True):
            yield from _differences(item, other, f"{path}[]")
    elif ours != theirs:
        yield path
