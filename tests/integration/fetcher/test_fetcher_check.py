"""`mailcase check` against real servers."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from services.cli.broker_nodes import NodesUnknownError, nodes_of
from tests.integration.fetcher.test_fetcher import raw, server
from tests.integration.mailboxes import Account
from tests.integration.recorder import Bench


@pytest.fixture
def bench(servers: PrivateServers, tmp_path: Path) -> Iterator[Bench]:
    """A broker without alarms. The management plugin still reports an alarm for some seconds after
    its end, and another test may have raised one.
    """
    management = f"http://127.0.0.1:{servers.broker.plugin_port('rabbitmq_management')}"
    deadline_s = time.monotonic() + 60
    while alarms := nodes_of(servers.broker.url, management).alarms:
        assert time.monotonic() < deadline_s, alarms
        time.sleep(0.1)
    made = Bench(servers, tmp_path)
    yield made
    made.close()


def check(bench: Bench, config: Path) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit status, and each finding by its subject."""
    command = [sys.executable, "-m", "services.cli", "check", "--config", str(config), "--json"]
    ended = subprocess.run(
        command,
        env={**os.environ, **bench.environ},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    findings = [json.loads(line) for line in ended.stdout.splitlines()]
    return ended.returncode, {finding["subject"]: finding for finding in findings}


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_all_is_well(bench: Bench, servers: PrivateServers, protocol: str) -> None:
    account = Account(servers, "checked")
    account.deliver(raw(1))
    secure = {
        "port": getattr(servers.mail, f"{protocol}s_port"),
        "security": "tls",
        "ca_file": str(servers.mail.ca_file),
    }
    status, findings = check(
        bench, bench.config({"a": account}, server(account, protocol, **secure))
    )
    assert status == 0, findings
    assert set(findings) == {"settings", "broker", "store", "mailbox a"}
    for word in ("TLSv1.", "1 mails", "delete"):
        assert word in findings["mailbox a"]["detail"]
    assert re.match(r"RabbitMQ \d.*: a single node$", findings["broker"]["detail"])
    assert re.match(r"MongoDB \d.*, replica set \w+: a single member$", findings["store"]["detail"])
    assert account.left() == 1


def test_each_failure_is_a_line_with_a_hint(bench: Bench, servers: PrivateServers) -> None:
    wrong, well = Account(servers, "checked"), Account(servers, "checked")
    servers.mail.add_user(wrong.address, "another password")
    status, findings = check(
        bench, bench.config({"wrong": wrong, "well": well}, server(well, "imap"))
    )
    assert status == 1
    assert findings["mailbox well"]["ok"]
    assert not findings["mailbox wrong"]["ok"]
    assert "check user and password" in findings["mailbox wrong"]["hint"]


def test_unreadable_files_are_reported(bench: Bench, servers: PrivateServers) -> None:
    account = Account(servers, "checked")
    tls = {"port": servers.mail.imaps_port, "security": "tls"}
    config = bench.config({"a": account}, server(account, "imap", **tls, ca_file="missing.pem"))
    assert "missing.pem cannot be read" in check(bench, config)[1]["mailbox a"]["detail"]
    config = bench.config(
        {"a": account}, server(account, "imap", **tls, ca_file=str(servers.mail.ca_file))
    )
    (bench.folder / "password").unlink()
    status, findings = check(bench, config)
    assert status == 1
    assert "password cannot be read" in findings["mailbox a"]["detail"]


def test_an_alarm_of_the_broker_is_a_failure_with_a_hint(
    bench: Bench, servers: PrivateServers
) -> None:
    account = Account(servers, "checked")
    servers.broker.ctl("set_vm_memory_high_watermark", "0.00001")
    try:
        deadline_s = time.monotonic() + 60  # the management plugin hears of it a few seconds later
        while not (found := check(bench, bench.config({"a": account}, server(account, "imap"))))[0]:
            assert time.monotonic() < deadline_s, found
    finally:
        servers.broker.ctl("set_vm_memory_high_watermark", "0.4")
    assert "memory alarm on" in found[1]["broker"]["detail"]
    assert found[1]["broker"]["hint"]


def test_without_the_management_plugin_nodes_are_not_counted() -> None:
    with pytest.raises(NodesUnknownError, match=r"no management plugin at 127\.0\.0\.1:1"):
        nodes_of("amqp://guest:guest@127.0.0.1/", "http://127.0.0.1:1")
