"""What the private servers leave behind, however their launcher ends: no process, and a folder that
can be started again.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local import DataFolderInUseError, LocalServerError, PrivateServers
from deploy.local.guardian import boot_id, descendants, process_table
from deploy.local.processes import GuardedProcess, living

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 40.0

LAUNCHER = """
import json, os, signal, sys
from pathlib import Path
from deploy.local import PrivateServers
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell runs in the background begins without it,
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # what nohup runs without this
asked = json.loads(sys.argv[2])
heir = asked.pop("heir", False)
servers = PrivateServers(Path(sys.argv[1]), **asked).start()
print(json.dumps([pid for server in servers.all for pid in server.pids]), flush=True)
if heir:
    os.fork()
signal.pause()
"""


pytestmark = pytest.mark.usefixtures("server_programs")


@contextmanager
def launcher(
    folder: Path, **asked: object
) -> Iterator[tuple[subprocess.Popen[str], set[tuple[int, int]]]]:
    """A launcher in its own process group, and all processes that it started, as (pid,
    start time).
    """
    command = [sys.executable, "-c", LAUNCHER, str(folder), json.dumps(asked)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, process_group=0
    ) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())
            yield process, started_by(process.pid)
        finally:
            process.kill()


def started_by(pid: int) -> set[tuple[int, int]]:
    """The descendants of a process, each with its start time."""
    found = descendants(pid)
    return {(pid, start) for pid, (_, _, start) in process_table().items() if pid in found}


def eventually(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience_s:.0f} s: {what}"
        time.sleep(0.02)


def test_kill_9_of_the_launcher_leaves_no_process_and_its_folder_can_be_used_again(
    server_folder: Path,
) -> None:
    with launcher(server_folder, mail=True) as (process, started):
        names = " ".join(Path(f"/proc/{pid}/cmdline").read_text() for pid, _ in started)
        assert all(
            name in names for name in ("beam.smp", "epmd", "mongod", "dovecot", "guardian.py")
        )
        ports = json.loads((server_folder / "ports.json").read_text())
        process.kill()
        process.wait()
        others = started_by(os.getpid())  # the session's own servers
        # At once: the guardians are still ending the servers.
        with PrivateServers(server_folder, mail=True) as servers:
            assert not living(started)
            servers.broker.probe()
            assert json.loads((server_folder / "ports.json").read_text()) == ports
            second = started_by(os.getpid()) - others
    assert not living(second)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_outlives_a_launcher_whose_group_gets_a_signal(
    server_folder: Path, number: signal.Signals
) -> None:
    with launcher(server_folder, mail=True, broker=False, store=False) as (process, started):
        os.killpg(process.pid, number)
        process.wait(PATIENCE_S)
        eventually(lambda: not living(started), f"no process is left after {number.name}")


def test_a_fork_that_outlives_the_launcher_does_not_keep_its_servers_alive(
    server_folder: Path,
) -> None:
    """It inherited the pipe whose end would announce the launcher's death."""
    with launcher(server_folder, store=False, broker=False, mail=True, heir=True) as (
        process,
        started,
    ):
        eventually(lambda: heirs(process.pid), "the fork")
        heir = heirs(process.pid)[0]
        try:
            process.kill()
            process.wait()
            eventually(lambda: {pid for pid, _ in living(started)} <= {heir}, "no server is left")
            assert cmdline(heir)
        finally:
            os.kill(heir, signal.SIGKILL)


def heirs(pid: int) -> list[int]:
    return [child for child in descendants(pid) if cmdline(child) == cmdline(pid)]


def test_a_guardian_killed_with_9_takes_its_server_along(server_folder: Path) -> None:
    others = started_by(os.getpid())  # the session's own servers
    with PrivateServers(server_folder, broker=False, mail=True) as servers:
        mine = started_by(os.getpid()) - others
        started = {(pid, start) for pid, start in mine if b"guardian.py" not in cmdline(pid)}
        for pid, _ in mine - started:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not living(started), "mongod and dovecot are gone")
        assert not servers.store.running
        for server in servers.all:
            server.start()
            assert server.running


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_no_process_outlives_a_launcher_that_dies_while_its_servers_are_frozen(
    server_folder: Path,
) -> None:
    with launcher(server_folder, broker=False) as (process, started):
        for pid, _ in started:
            if b"mongod" in cmdline(pid) and b"guardian.py" not in cmdline(pid):
                os.kill(pid, signal.SIGSTOP)
        process.kill()
        process.wait()
        eventually(lambda: not living(started), "the frozen mongod is gone")


def test_a_server_still_running_from_a_crashed_run_is_ended_before_the_next_starts(
    server_folder: Path,
) -> None:
    with launcher(server_folder, broker=False) as (process, started):
        guardians = [pid for pid, _ in started if b"guardian.py" in cmdline(pid)]
        for pid in guardians:
            os.kill(pid, signal.SIGSTOP)  # so that the servers outlive their launcher
        process.kill()
        process.wait()
        assert living(started) == started
        with PrivateServers(server_folder, broker=False) as servers:
            assert not living(started)
            assert servers.store.running


def test_a_process_that_only_has_the_noted_pid_is_left_alone(server_folder: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as innocent:
        start_time = process_table()[innocent.pid][2]
        pid_file = server_folder / "stale.pid"
        server_folder.mkdir()
        process = GuardedProcess("stale", list, server_folder / "log", pid_file)
        pid_file.write_text(
            json.dumps({"boot": boot_id(), "processes": [[innocent.pid, start_time - 1]]})
        )
        process.end_leftover()
        pid_file.write_text(
            json.dumps({"boot": "another", "processes": [[innocent.pid, start_time]]})
        )
        process.end_leftover()
        pid_file.write_text('{"incomplete')
        process.end_leftover()
        assert innocent.poll() is None
        innocent.kill()


def test_a_start_that_fails_shows_the_log_and_leaves_no_process(server_folder: Path) -> None:
    servers = PrivateServers(server_folder, broker=False)
    server_folder.mkdir()
    (server_folder / "store-0").mkdir()
    (server_folder / "store-0" / "storage.bson").write_bytes(b"not what mongod wrote")
    before = set(descendants(os.getpid()))
    with pytest.raises(
        LocalServerError,
        match=r"(?s)store-0 ended while starting, with status [1-9]\d*; its log .* ends with:\n",
    ):
        servers.start()
    assert set(descendants(os.getpid())) <= before


def test_two_launchers_do_not_share_a_folder(server_folder: Path) -> None:
    second = PrivateServers(server_folder, broker=False, store=False, mail=True)
    with (
        launcher(server_folder, broker=False, store=False, mail=True) as (process, _),
        pytest.raises(DataFolderInUseError, match=rf"by process {process.pid}\b"),
    ):
        second.start()


def test_every_listening_socket_is_on_loopback(servers: PrivateServers) -> None:
    addresses = listening_addresses([pid for server in servers.all for pid in server.pids])
    assert len(addresses) >= 8  # AMQP, distribution, epmd, mongod, and four of mail
    assert set(addresses) <= {"0100007F", "00000000000000000000000001000000"}


def listening_addresses(pids: list[int]) -> list[str]:
    """The address of each socket on which one of these processes listens, in the form of
    /proc/net/tcp.
    """
    inodes = {
        link.split("[")[1].rstrip("]")
        for pid in pids
        for link in open_files(pid)
        if link.startswith("socket:[")
    }
    listening = []
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{family}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:  # LISTEN
                listening.append(fields[1].split(":")[0])
    return listening


def open_files(pid: int) -> list[str]:
    try:
        return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []
