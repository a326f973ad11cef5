"""The services of Mailcase as guarded processes, for `mailcase up`, the demo and the tests."""

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


class ServiceProcess(GuardedProcess):
    """One replica of a service, with its HTTP port."""

    http_port: int

    def __init__(
        self,
        service: str,
        name: str,
        config: Path,
        data_dir: Path,
        *,
        env: Mapping[str, str],
        program: Sequence[str] = MAILCASE,
        more: Sequence[str] = (),
    ) -> None:
        """`service` is the name of its command, such as `case-writer`.

        `env` is added to the current environment. Log, pid and port are stored below `data_dir`.
        `program` are the arguments of the interpreter that run `mailcase`; `more` go to the
        service.
        """
        self.http_port = Ports(data_dir / "ports.json").get(f"http-{name}")
        arguments = [
            service,
            "--config",
            str(config),
            "--http-host",
            "127.0.0.1",
            "--http-port",
            str(self.http_port),
            *more,
        ]
        super().__init__(
            name,
            lambda: [sys.executable, *program, *arguments],
            log_file=data_dir / "logs" / f"{name}.log",
            pid_file=data_dir / "pids" / f"{name}.json",
            env=lambda: {**os.environ, **env},
            grace_s=DRAIN_GRACE_S,
        )

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of `/healthz`, `/readyz` or `/metrics`; status 0 if there is no
        answer.
        """
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
        """The JSON of `/readyz`; `{"ok": False}` if there is no answer."""
        status, text = self.get("/readyz")
        return json.loads(text) if status else {"ok": False}


class Services:
    """Several services."""

    def __init__(
        self,
        config: Path,
        data_dir: Path,
        replicas: Mapping[str, int],
        *,
        env: Mapping[str, str] | None = None,
        arguments: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """`replicas` maps the name of each service to its number of replicas; `arguments` to more
        arguments of its command.
        """
        self.all = [
            ServiceProcess(
                service,
                service if count == 1 else f"{service}-{index}",
                config,
                data_dir,
                env=env or {},
                more=(arguments or {}).get(service, ()),
            )
            for service, count in replicas.items()
            for index in range(1, count + 1)
        ]

    def start(self) -> None:
        """Start all of them, without waiting for them to be ready."""
        for process in self.all:
            process.end_leftover()
            process.start()

    def wait_until_ready(self, patience_s: float = 60.0) -> None:
        """Raise LocalServerError, with the end of the log, if a service ends or is not ready in
        time.
        """
        deadline = time.monotonic() + patience_s
        for process in self.all:
            while not process.readiness()["ok"]:
                process.check_alive()
                if time.monotonic() > deadline:
                    raise LocalServerError(
                        f"{process.name} is not ready: {process.readiness()}{process.epilogue()}"
                    )
                time.sleep(0.05)  # nothing notifies us of readiness

    def stop(self) -> None:
        """Send SIGTERM to all at once and wait until each has drained; kill those that take too
        long.
        """
        with ThreadPoolExecutor(max_workers=max(1, len(self.all))) as pool:
            list(pool.map(ServiceProcess.stop, self.all))

    def named(self, service: str) -> Sequence[ServiceProcess]:
        """The replicas of a service."""
        return [
            process
            for process in self.all
            if process.name == service or process.name.startswith(f"{service}-")
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
