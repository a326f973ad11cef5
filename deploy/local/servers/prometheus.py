"""A private Prometheus that scrapes the services and the broker on one machine, for tests and the
docs.
"""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.local.processes import GuardedProcess
from deploy.local.programs import find_programs
from deploy.local.servers.server import Server, pause, wait_for_port

DETAILED = {"family": ["queue_coarse_metrics", "queue_consumer_count"]}
NAMESPACE = "mailcase"  # the label that the Prometheus operator would add
_TIMEOUT_S = 20.0

Series = list[dict[str, Any]]


class Prometheus(Server):
    """A server with its data in `data_dir`.

    The rules are those of a PrometheusRule's `spec.groups`, written as JSON.
    """

    name = "prometheus"

    def __init__(
        self,
        data_dir: Path,
        *,
        services: Mapping[str, int],
        broker_port: int | None = None,
        rule_groups: Sequence[Mapping[str, Any]] = (),
        every: str = "1s",
    ) -> None:
        """`services` maps names to HTTP ports.

        `broker_port` is the port of the plugin `rabbitmq_prometheus`. `every` is the scrape
        interval, such as `500ms`.
        """
        super().__init__(data_dir)
        self.port = 0
        self._services = dict(services)
        self._broker_port = broker_port
        self._rule_groups = list(rule_groups)
        self._every = every
        log, pid = self._guarded(self.name)
        self._process = GuardedProcess(self.name, self._command, log, pid)

    @property
    def processes(self) -> Sequence[GuardedProcess]:
        return [self._process]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def required_programs(self) -> Sequence[str]:
        return ["prometheus"]

    def query(self, expression: str) -> Series:
        """The samples of an instant query. Raises OSError."""
        found: Series = self._get("query", {"query": expression})["result"]
        return found

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> Series:
        """The series of a range query; times are seconds since the epoch."""
        asked = {"query": expression, "start": start_s, "end": end_s, "step": step_s}
        found: Series = self._get("query_range", asked)["result"]
        return found

    def exemplars(self, series: str, within_s: float = 600.0) -> list[dict[str, Any]]:
        """The series with their recent exemplars."""
        now_s = time.time()
        asked = {"query": series, "start": now_s - within_s, "end": now_s + 1}
        found: list[dict[str, Any]] = self._get("query_exemplars", asked)
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its `health` and `lastError`."""
        return [rule for group in self._get("rules", {})["groups"] for rule in group["rules"]]

    def _get(self, what: str, asked: Mapping[str, Any]) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{what}"
        with urllib.request.urlopen(
            url, urllib.parse.urlencode(asked).encode() or None, _TIMEOUT_S
        ) as answer:
            return json.load(answer)["data"]

    def _start(self) -> None:
        find_programs(self.required_programs())
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.ports.get(self.name)
        (self.folder / "rules.json").write_text(json.dumps({"groups": self._rule_groups}))
        (self.folder / "prometheus.json").write_text(json.dumps(self._configuration()))
        deadline = time.monotonic() + self.start_patience_s
        self._process.start()
        wait_for_port(self._process, self.port, deadline)
        while True:
            try:
                urllib.request.urlopen(
                    f"http://127.0.0.1:{self.port}/-/ready", timeout=_TIMEOUT_S
                ).close()
            except OSError:
                pause(self._process, deadline)
            else:
                return

    def _configuration(self) -> dict[str, Any]:
        every = {"scrape_interval": self._every, "evaluation_interval": self._every}
        jobs: list[dict[str, Any]] = [
            {"job_name": f"mailcase/{name}", "static_configs": _target(port)}
            for name, port in self._services.items()
        ]
        if self._broker_port is not None:
            targets = _target(self._broker_port)
            jobs.append({"job_name": "rabbitmq", "static_configs": targets})
            detailed = {"metrics_path": "/metrics/detailed", "params": DETAILED}
            jobs.append({"job_name": "rabbitmq-detailed", "static_configs": targets, **detailed})
        return {
            "global": every,
            "rule_files": [str(self.folder / "rules.json")],
            "scrape_configs": jobs,
        }

    def _command(self) -> list[str]:
        return [
            find_programs(["prometheus"])["prometheus"],
            f"--config.file={self.folder / 'prometheus.json'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        ]


def _target(port: int) -> list[dict[str, Any]]:
    return [{"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": NAMESPACE}}]
