"""Writes the dashboards as JSON for Grafana, next to this file: `python -m deploy.grafana`."""

import json
from pathlib import Path

from deploy.grafana.mail_flow import MAIL_FLOW
from deploy.grafana.model import Dashboard
from deploy.grafana.services import SERVICES

FOLDER = Path(__file__).parent
DASHBOARDS = {"mail-flow.json": MAIL_FLOW, "services.json": SERVICES}


def text_of(dashboard: Dashboard) -> str:
    return json.dumps(dashboard.json(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, dashboard in DASHBOARDS.items():
        (FOLDER / name).write_text(text_of(dashboard))
