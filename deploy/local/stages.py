"""The stages of Mailcase as guarded processes on this machine: what `mailcase up`, the demo and the tests start."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from deploy.local.errors import LocalServerError
from deploy.local.ports import Ports
from deploy.local.processes import GuardedProcess

MAILCASE = ("-m", "services.cli")
DRAIN_GRACE_S = 30.0
_PROBE_TIMEOUT_S = 5.0


class StageProcess(GuardedProcess):
    """One replica of one stage, `stage` being the command's name such as `case-writer`, with its HTTP port."""

    http_port: int

    def __init__(
        self,
        stage: str,
        name: str,
        config: Path,
        data_dir: Path,
        *,
        env: Mapping[str, str],
        program: Sequence[str] = MAILCASE,
    ) -> None:
        """`env` is added to our own environment; log, pid and port are kept below `data_dir`.

        `program` are the interpreter's arguments that run `mailcase`.
        """
        self.http_port = Ports(data_dir / "ports.json").get(f"http-{name}")
        arguments = [stage, "--config", str(config), "--http-host", "127.0.0.1", "--http-port", str(self.http_port)]
        super().__init__(
            name,
            lambda: [sys.executable, *program, *arguments],
            log_file=data_dir / "logs" / f"{name}.log",
            pid_file=data_dir / "pids" / f"{name}.json",
            env=lambda: {**os.environ, **env},
            grace_s=DRAIN_GRACE_S,
        )

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of `/healthz`, `/readyz` or `/metrics`; status 0 while nothing answers."""
        url = f"http://127.0.0.1:{self.http_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=_PROBE_TIMEOUT_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def readiness(self) -> dict[str, Any]:
        """What `/readyz` says; `{"ok": False}` while nothing answers."""
        status, text = self.get("/readyz")
        return json.loads(text) if status else {"ok": False}


class Stages:
    """Several stages together."""

    def __init__(
        self, config: Path, data_dir: Path, replicas: Mapping[str, int], *, env: Mapping[str, str] | None = None
    ) -> None:
        """`replicas` maps the name of each stage to how many of it shall run."""
        self.all = [
            StageProcess(stage, stage if count == 1 else f"{stage}-{index}", config, data_dir, env=env or {})
            for stage, count in replicas.items()
            for index in range(1, count + 1)
        ]

    def start(self) -> None:
        """Start all of them, without waiting for them to be ready."""
        for process in self.all:
            process.end_leftover()
            process.start()

    def wait_until_ready(self, patience_s: float = 60.0) -> None:
        """Raises LocalServerError, with the end of its log, where a stage ends or does not get ready in time."""
        deadline = time.monotonic() + patience_s
        for process in self.all:
            while not process.readiness()["ok"]:
                process.check_alive()
                if time.monotonic() > deadline:
                    raise LocalServerError(f"{process.name} is not ready: {process.readiness()}{process.epilogue()}")
                time.sleep(0.05)  # a probe's interval; nothing tells us sooner

    def stop(self) -> None:
        """SIGTERM to all at once, then wait until each has drained; what does not end in time is killed."""
        with ThreadPoolExecutor(max_workers=max(1, len(self.all))) as pool:
            list(pool.map(StageProcess.stop, self.all))

    def named(self, stage: str) -> Sequence[StageProcess]:
        """The replicas of a stage."""
        return [process for process in self.all if process.name == stage or process.name.startswith(f"{stage}-")]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
