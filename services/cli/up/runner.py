"""Runs the services of `mailcase up`: supervision, log files, lines for people, disk use."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from deploy.local.servers.private import PrivateServers
from services.cli.desk import first_link
from services.cli.terminal.output import size_text
from services.cli.up.disk import FullDisk, disk_use
from services.cli.up.log_files import LogFiles
from services.cli.up.mail_lines import MailLines
from services.cli.up.messages import recorded_mail
from services.cli.up.plan import Plan
from services.cli.up.presenter import Presenter
from services.cli.up.supervisor import Supervisor
from services.cli.up.systemd import notify
from services.runtime.errors import TransientError
from services.runtime.settings import Settings

HOUSEKEEPING_S = 60.0
POLL_S = 0.2
ALIVE_EVERY_S = 20.0


class Runner:
    """Supervises the services and servers, and shows what happens."""

    def __init__(
        self,
        settings: Settings,
        data: Path,
        servers: PrivateServers,
        run: Plan,
        presenter: Presenter,
    ) -> None:
        self._settings = settings
        self._data = data
        self._services = run.services
        self._links = run.links
        self._brokers = [server for server in servers.all if server.name == "broker"]
        self._presenter = presenter
        self._supervisor = Supervisor([*servers.all, *run.services.all], self._report)
        self._started_s = time.monotonic()
        self._housekeeping_s = self._started_s
        self._notified_s = 0.0
        self._disk_is_scarce = False
        self._full_disk = FullDisk()
        followed = [process.log_file for process in self._services.all]
        self._logs = LogFiles(data / "logs", followed)
        self._mails = MailLines(settings, presenter.mail)

    def run(self, stop: threading.Event) -> None:
        """Start the services, and stop them when `stop` is set."""
        with self._logs, self._mails, self._running_services(), closing(self._supervisor):
            notify("READY=1")  # servers that do not respond are retried later
            with self._presenter.progress("starting the services"):
                while not stop.is_set() and not self._all_ready():
                    self._poll(stop)
            if not stop.is_set():
                self._report_ready()
            while not stop.is_set():
                self._poll(stop)
            notify("STOPPING=1")

    @contextmanager
    def _running_services(self) -> Iterator[None]:
        try:
            self._services.start()
            yield
        finally:
            with self._presenter.progress("stopping the services (up to 30 s)"):
                self._services.stop()
            self._show_logs()

    def _all_ready(self) -> bool:
        return all(process.readiness()["ok"] for process in self._services.all)

    def _poll(self, stop: threading.Event) -> None:
        stop.wait(POLL_S)
        self._notify_alive()
        self._show_logs()
        self._heal_broker()
        self._supervisor.poll()
        if time.monotonic() - self._housekeeping_s > HOUSEKEEPING_S:
            self._housekeeping_s = time.monotonic()
            self._logs.rotate()
            self._check_disk()

    def _notify_alive(self) -> None:
        now_s = time.monotonic()
        if now_s - self._notified_s > ALIVE_EVERY_S:
            self._notified_s = now_s
            notify("WATCHDOG=1")

    def _show_logs(self) -> None:
        for service, line in self._logs.new_lines():
            mail = recorded_mail(line)
            if mail is not None:
                self._mails.add(mail)
            self._presenter.log_line(service, line)

    def _report_ready(self) -> None:
        use = disk_use(self._data)
        self._presenter.event(
            "data_folder",
            f"data: {size_text(use.total)}, {size_text(use.free)} free; {self._data}",
            bytes=use.total,
            free_bytes=use.free,
        )
        self._check_disk()
        for name, link in self._links.items():
            self._presenter.event("link", f"{name}: {link}", service=name, url=link)
        if "desk" in self._links:
            self._invite(self._links["desk"])
        if not self._settings.mailboxes:
            text = (
                "no mailboxes: add one with `mailcase init`, or import mail with `mailcase ingest`"
            )
            self._presenter.event("no_mailboxes", text)
        seconds = time.monotonic() - self._started_s
        text = f"ready (process {os.getpid()}); Ctrl-C or `mailcase down` stops everything"
        self._presenter.event("up_ready", text, pid=os.getpid(), seconds=round(seconds, 1))

    def _invite(self, url: str) -> None:
        """Print the first visitor's link, but only on a terminal, because a log must not contain
        secrets.
        """
        if not self._presenter.is_for_people:
            return
        try:
            link = first_link(self._settings, url)
        except TransientError as error:
            self._presenter.event("link", f"no link to sign in: {error}", "warning")
        else:
            if link is not None:
                self._presenter.event(
                    "link", f"create the first account with this link, which works once: {link}"
                )

    def _check_disk(self) -> None:
        use = disk_use(self._data)
        if use.is_scarce and not self._disk_is_scarce:
            text = f"only {size_text(use.free)} are free for {self._data}: free some space, or move the folder"
            self._presenter.event("disk_scarce", text, "error", free_bytes=use.free)
        self._disk_is_scarce = use.is_scarce

    def _heal_broker(self) -> None:
        """Restart the private broker once a full disk has room again.

        The log of RabbitMQ's quorum queues (`ra_log_wal`) may have crashed on it. Such a broker
        runs, but answers every client with an error until it is started again.
        """
        if self._full_disk.has_recovered(shutil.disk_usage(self._data).free):
            for server in self._brokers:
                if server.running:
                    text = "the disk was full; restarting the private broker, which may be damaged"
                    self._presenter.event("supervision", text, "warning")
                    server.kill()

    def _report(self, text: str, failed: bool) -> None:
        self._presenter.event("supervision", text, "warning" if failed else "info")
