"""Writes the dashboards beside this file, as JSON for Grafana: `python -m deploy.grafana`."""

import json
from pathlib import Path

from deploy.grafana.mail_flow import MAIL_FLOW
from deploy.grafana.model import Dashboard
from deploy.grafana.stages import STAGES

FOLDER = Path(__file__).parent
DASHBOARDS = {"mail-flow.json": MAIL_FLOW, "stages.json": STAGES}


def text_of(dashboard: Dashboard) -> str:
    return json.dumps(dashboard.json(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, dashboard in DASHBOARDS.items():
        (FOLDER / name).write_text(text_of(dashboard))
