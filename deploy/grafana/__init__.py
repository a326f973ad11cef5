"""The dashboards: `mail_flow.py` and `services.py` define them; `python -m deploy.grafana` writes
their JSON.
"""
