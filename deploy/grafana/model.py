"""Dashboards in Grafana's JSON model (schema 41 of Grafana 12; Grafana 11 reads it too), built from
a few values.

A dashboard defines only what differs from panel to panel; everything that all panels share is here.
The fields are documented at
grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA_VERSION = 41
COLUMNS = 24
PER_SECOND = "suffix:/s"  # Grafana's own units are requests, reads and the like, not mails
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """A PromQL expression and the legend of its series; `{{label}}` in the legend is replaced by
    the label's value.
    """

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One panel.

    `limits` are the values at which the panel turns orange and red; with `below`, lower values are
    worse. `unit` is one of Grafana's (`s`, `bytes`, `percentunit`, `short`), or `PER_SECOND` for
    mails and messages. `description` is the text of the panel's info icon. With `signed`, the axis
    shows values below 0.
    """

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    description: str = ""
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    limits: tuple[float, float] | None = None
    below: bool = False
    stacked: bool = False
    exemplars: bool = False
    signed: bool = False
    decimals: int | None = None


@dataclass(frozen=True)
class Row:
    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Variable:
    """A drop-down at the top of the dashboard: the values of the label `name` in the series
    `values_of`.
    """

    name: str
    label: str
    values_of: str


@dataclass(frozen=True)
class Dashboard:
    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = field(default=())

    def json(self) -> Json:
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["mailcase"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "id": None,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "timepicker": {},
            "timezone": "",
            "fiscalYearStartMonth": 0,
            "weekStart": "",
            "preload": False,
            "annotations": {"list": [_ANNOTATIONS]},
            "links": [_OTHERS],
            "templating": {
                "list": [_DATA_SOURCE, *(_variable(variable) for variable in self.variables)]
            },
            "panels": _panels(self.rows),
        }

    def queries(self) -> list[tuple[str, str]]:
        """The panel's title and the PromQL of each query."""
        return [
            (panel.title, query.expr)
            for row in self.rows
            for panel in row.panels
            for query in panel.queries
        ]


_ANNOTATIONS = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}
_OTHERS = {
    "title": "Mailcase",
    "type": "dashboards",
    "tags": ["mailcase"],
    "asDropdown": False,
    "includeVars": True,
    "keepTime": True,
    "targetBlank": False,
    "icon": "external link",
    "tooltip": "",
    "url": "",
}
_DATA_SOURCE = {
    "name": "datasource",
    "label": "Data source",
    "type": "datasource",
    "query": "prometheus",
    "current": {},
    "hide": 0,
    "includeAll": False,
    "multi": False,
    "options": [],
    "refresh": 1,
    "regex": "",
}


def _variable(variable: Variable) -> Json:
    query = f"label_values({variable.values_of}, {variable.name})"
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "values"},
        "refresh": 2,
        "sort": 1,
        "regex": "",
        "hide": 0,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "options": [],
    }


def _panels(rows: Sequence[Row]) -> list[Json]:
    """Lay the panels out from left to right and wrap at `COLUMNS`; each row starts with its
    heading.
    """
    found: list[Json] = []
    y = 0
    for row in rows:
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        found.append(
            {"type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": place}
        )
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            tall = 4 if panel.kind == "stat" else 8
            found.append(_panel(panel) | {"gridPos": {"h": tall, "w": panel.width, "x": x, "y": y}})
            x, height = x + panel.width, max(height, tall)
        y += height
    return [{"id": number} | panel for number, panel in enumerate(found, 1)]


def _panel(panel: Panel) -> Json:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "targets": [
            _target(panel, query, chr(ord("A") + index))
            for index, query in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _STAT if panel.kind == "stat" else _TIME_SERIES,
    }


def _target(panel: Panel, query: Query, ref_id: str) -> Json:
    return {
        "refId": ref_id,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "range": True,
        "instant": False,
        "exemplar": panel.exemplars,
    }


def _defaults(panel: Panel) -> Json:
    defaults: Json = {"unit": panel.unit, "color": {"mode": "palette-classic"}, "mappings": []}
    if not panel.signed:
        defaults["min"] = 0
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    if panel.kind == "stat":
        defaults["color"] = {"mode": "thresholds"}
        defaults["noValue"] = "none"
    else:
        defaults["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 40 if panel.stacked else 10,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "line" if panel.limits else "off"},
        }
    return defaults | {"thresholds": {"mode": "absolute", "steps": _steps(panel)}}


def _steps(panel: Panel) -> list[Json]:
    if panel.limits is None:
        return [{"color": "green", "value": None}]
    orange, red = panel.limits
    if panel.below:
        return [
            {"color": "red", "value": None},
            {"color": "orange", "value": red},
            {"color": "green", "value": orange},
        ]
    return [
        {"color": "green", "value": None},
        {"color": "orange", "value": orange},
        {"color": "red", "value": red},
    ]


_STAT = {
    "colorMode": "value",
    "graphMode": "area",
    "justifyMode": "auto",
    "orientation": "auto",
    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    "showPercentChange": False,
    "textMode": "auto",
    "wideLayout": True,
}
_TIME_SERIES = {
    "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
    "tooltip": {"hideZeros": False, "mode": "multi", "sort": "desc"},
}
