"""The dashboards: what they show is in `mail_flow.py` and `stages.py`; `python -m deploy.grafana` writes the JSON."""
