"""The private servers themselves: what they serve, and that nothing of them is left behind."""

import imaplib
import json
import os
import poplib
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local import DataFolderInUseError, LocalServerError, MissingProgramError, PrivateServers, amqp_probe
from deploy.local import programs as local_programs
from deploy.local.guardian import boot_id, descendants, process_table
from deploy.local.mail import MailServer
from deploy.local.ports import Ports
from deploy.local.processes import GuardedProcess, living

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 40.0

LAUNCHER = """
import json, signal, sys
from pathlib import Path
from deploy.local import PrivateServers
asked = json.loads(sys.argv[2])
servers = PrivateServers(Path(sys.argv[1]), **asked).start()
print(json.dumps([pid for server in servers.all for pid in server.pids]), flush=True)
signal.pause()
"""


pytestmark = pytest.mark.usefixtures("server_programs")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Reachable for the mail server's user: pytest's own folders are closed."""
    for place in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        place.chmod(0o711)
    return tmp_path / "data"


@contextmanager
def launcher(folder: Path, **asked: object) -> Iterator[tuple[subprocess.Popen[str], set[tuple[int, int]]]]:
    """A launcher in a process (and process group) of its own, and every process that it started: (pid, start time)."""
    command = [sys.executable, "-c", LAUNCHER, str(folder), json.dumps(asked)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, process_group=0) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())
            table = process_table()
            yield process, {(pid, table[pid][2]) for pid in descendants(process.pid)}
        finally:
            process.kill()


def eventually(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience_s:.0f} s: {what}"
        time.sleep(0.02)


def trusting(mail: MailServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=mail.ca_file)


# --- nothing is left behind


def test_kill_9_of_the_launcher_leaves_no_process_and_its_folder_can_be_used_again(folder: Path) -> None:
    with launcher(folder, mail=True) as (process, started):
        names = " ".join(Path(f"/proc/{pid}/cmdline").read_text() for pid, _ in started)
        assert all(name in names for name in ("beam.smp", "epmd", "mongod", "dovecot", "guardian.py"))
        ports = json.loads((folder / "ports.json").read_text())
        process.kill()
        process.wait()
        # At once: the guardians are still ending the servers.
        with PrivateServers(folder, mail=True) as servers:
            assert not living(started)
            amqp_probe.probe(servers.broker.port)
            assert json.loads((folder / "ports.json").read_text()) == ports
            second = {(pid, process_table()[pid][2]) for pid in descendants(os.getpid())}
    assert not living(second)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_outlives_a_launcher_ended_by_a_signal_to_its_group(folder: Path, number: signal.Signals) -> None:
    with launcher(folder, mail=True, broker=False, store=False) as (process, started):
        os.killpg(process.pid, number)
        process.wait()
        eventually(lambda: not living(started), f"no process is left after {number.name}")


def test_a_guardian_killed_with_9_takes_its_server_along(folder: Path) -> None:
    with PrivateServers(folder, broker=False, mail=True) as servers:
        started = {(pid, process_table()[pid][2]) for pid in [*servers.store.pids, *servers.mail.pids]}
        for pid in [pid for pid in descendants(os.getpid()) if b"guardian.py" in cmdline(pid)]:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not living(started), "mongod and dovecot are gone")
        assert not servers.store.running
        servers.store.start()
        assert servers.store.running


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_no_process_outlives_a_launcher_that_dies_while_its_servers_are_frozen(folder: Path) -> None:
    with launcher(folder, broker=False) as (process, started):
        for pid, _ in started:
            if b"mongod" in cmdline(pid) and b"guardian.py" not in cmdline(pid):
                os.kill(pid, signal.SIGSTOP)
        process.kill()
        process.wait()
        eventually(lambda: not living(started), "the frozen mongod is gone")


def test_a_server_still_running_from_a_crashed_run_is_ended_before_the_next_starts(folder: Path) -> None:
    with launcher(folder, broker=False) as (process, started):
        guardians = [pid for pid, _ in started if b"guardian.py" in cmdline(pid)]
        for pid in guardians:
            os.kill(pid, signal.SIGSTOP)  # so that the servers outlive their launcher
        process.kill()
        process.wait()
        assert living(started) == started
        with PrivateServers(folder, broker=False) as servers:
            assert not living(started)
            assert servers.store.running


def test_a_process_that_only_has_the_noted_pid_is_left_alone(folder: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as innocent:
        start_time = process_table()[innocent.pid][2]
        pid_file = folder / "stale.pid"
        folder.mkdir()
        process = GuardedProcess("stale", list, folder / "log", pid_file)
        pid_file.write_text(json.dumps({"boot": boot_id(), "processes": [[innocent.pid, start_time - 1]]}))
        process.end_leftover()
        pid_file.write_text(json.dumps({"boot": "another", "processes": [[innocent.pid, start_time]]}))
        process.end_leftover()
        pid_file.write_text('{"torn')
        process.end_leftover()
        assert innocent.poll() is None
        innocent.kill()


def test_a_start_that_fails_shows_the_log_and_leaves_no_process(folder: Path) -> None:
    servers = PrivateServers(folder, broker=False)
    folder.mkdir()
    (folder / "store-0").mkdir()
    (folder / "store-0" / "storage.bson").write_bytes(b"not what mongod wrote")
    before = set(descendants(os.getpid()))
    with pytest.raises(
        LocalServerError, match=r"(?s)store-0 ended while starting, with status [1-9]\d*; its log .* ends with:\n"
    ):
        servers.start()
    assert set(descendants(os.getpid())) <= before


def test_two_launchers_do_not_share_a_folder(folder: Path) -> None:
    second = PrivateServers(folder, broker=False, store=False, mail=True)
    with (
        launcher(folder, broker=False, store=False, mail=True) as (process, _),
        pytest.raises(DataFolderInUseError, match=rf"by process {process.pid}\b"),
    ):
        second.start()


def test_every_listening_socket_is_on_loopback(servers: PrivateServers) -> None:
    pids = [pid for server in servers.all for pid in server.pids]
    inodes = {link.split("[")[1].rstrip("]") for pid in pids for link in open_files(pid) if link.startswith("socket:[")}
    listening = []
    for family, loopback in (("tcp", "0100007F"), ("tcp6", "00000000000000000000000001000000")):
        for line in Path(f"/proc/net/{family}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:  # LISTEN; proc_net_tcp
                listening.append((fields[1].split(":")[0], loopback))
    assert len(listening) >= 8  # AMQP, distribution, epmd, mongod, and four of mail
    assert all(address == loopback for address, loopback in listening)


def open_files(pid: int) -> list[str]:
    try:
        return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []


# --- data and ports


def test_ports_and_data_outlast_a_stop_and_a_kill(folder: Path) -> None:
    with PrivateServers(folder, broker=False) as servers:
        url = servers.store.url
        put(url, 1)
    with PrivateServers(folder, broker=False) as servers:
        assert servers.store.url == url
        assert everything(url) == [1]
        put(url, 2)
        servers.store.kill()
        assert not servers.store.running
        assert servers.store.pids == []
        servers.store.start()
        assert everything(url) == [1, 2]


def test_a_port_taken_in_the_meantime_is_replaced_and_the_replica_set_follows(folder: Path) -> None:
    with PrivateServers(folder, broker=False) as servers:
        port = servers.store.members[0].port
        put(servers.store.url, 1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        with PrivateServers(folder, broker=False) as servers:
            assert servers.store.members[0].port != port
            put(servers.store.url, 2)
            assert everything(servers.store.url) == [1, 2]


def test_wipe_deletes_the_data_only_when_the_server_is_stopped(folder: Path) -> None:
    with PrivateServers(folder, broker=False, mail=True) as servers:
        put(servers.store.url, 1)
        servers.mail.deliver("wiped@example.test", b"Subject: gone\r\n\r\n")
        for server in servers.all:
            with pytest.raises(LocalServerError, match="stop it"):
                server.wipe()
            server.stop()
            server.wipe()
            server.start()
        assert everything(servers.store.url) == []
        servers.mail.add_user("wiped@example.test", "again")
        with imap(servers.mail, "wiped@example.test", "again") as session:
            assert session.select()[1] == [b"0"]


def put(url: str, number: int) -> None:
    with MongoClient[dict[str, int]](url, w="majority") as client:
        client.mailcase.numbers.insert_one({"_id": number})


def everything(url: str) -> list[int]:
    with MongoClient[dict[str, int]](url) as client:
        return sorted(document["_id"] for document in client.mailcase.numbers.find())


def test_ports_are_kept_and_lie_below_those_for_outgoing_connections(tmp_path: Path) -> None:
    lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = Ports(tmp_path / "ports.json")
    chosen = {name: ports.get(name) for name in ("a", "b", "c")}
    assert len(set(chosen.values())) == 3
    assert max(chosen.values()) < lowest_outgoing
    assert {name: Ports(tmp_path / "ports.json").get(name) for name in chosen} == chosen


# --- the store


def test_three_members_elect_another_primary_when_theirs_dies(folder: Path) -> None:
    with PrivateServers(folder, broker=False, store_members=3) as servers:
        put(servers.store.url, 1)
        first = servers.store.primary
        assert first is not None
        first.kill()
        with MongoClient[dict[str, int]](servers.store.url, w="majority") as client:
            eventually(lambda: inserted(client, 2), "a write after the election")
        assert servers.store.primary not in {None, first}
        assert not servers.store.running
        servers.store.start()
        assert all(member.running for member in servers.store.members)
        assert everything(servers.store.url) == [1, 2]


def inserted(client: MongoClient[dict[str, int]], number: int) -> bool:
    try:
        return client.mailcase.numbers.insert_one({"_id": number}).acknowledged
    except PyMongoError:
        return False


# --- the broker


def test_the_broker_keeps_its_data_over_kill_9_and_tells_through_rabbitmqctl(servers: PrivateServers) -> None:
    port = servers.broker.port
    servers.broker.ctl("add_vhost", "kept")
    servers.broker.kill()
    with pytest.raises(OSError, match="refused"):
        amqp_probe.probe(port)
    with pytest.raises(LocalServerError, match="not running"):
        servers.broker.ctl("list_vhosts")
    servers.broker.start()
    assert servers.broker.port == port
    assert "kept" in servers.broker.ctl("list_vhosts").split()
    servers.broker.ctl("delete_vhost", "kept")
    with pytest.raises(LocalServerError, match="no_such_command"):
        servers.broker.ctl("no_such_command")


def test_a_frozen_broker_falls_silent_and_goes_on_when_thawed(servers: PrivateServers) -> None:
    servers.broker.freeze()
    try:
        with pytest.raises(TimeoutError):
            amqp_probe.probe(servers.broker.port, timeout_s=0.5)
        assert servers.broker.running
    finally:
        servers.broker.thaw()
    amqp_probe.probe(servers.broker.port)


# --- mail


@contextmanager
def imap(mail: MailServer, user: str, password: str) -> Iterator[imaplib.IMAP4]:
    session = imaplib.IMAP4_SSL("localhost", mail.imaps_port, ssl_context=trusting(mail), timeout=10)
    try:
        session.login(user, password)
        yield session
    finally:
        session.shutdown()


def test_every_door_of_the_mail_server_leads_to_the_mail_with_its_certificate_verified(servers: PrivateServers) -> None:
    mail, user, password = servers.mail, "doors@example.test", 'a:b {c} "d" %u'
    mail.add_user(user, password)
    mail.deliver(user, b"Subject: door\r\n\r\nopen\r\n")
    trust = trusting(mail)
    by_starttls = imaplib.IMAP4("127.0.0.1", mail.imap_port, timeout=10)
    by_starttls.starttls(trust)
    by_tls = imaplib.IMAP4_SSL("localhost", mail.imaps_port, ssl_context=trust, timeout=10)
    for session in (by_starttls, by_tls):
        session.login(user, password)
        session.select(readonly=True)
        assert session.fetch("1", "(BODY[])")[1][0][1] == b"Subject: door\r\n\r\nopen\r\n"  # type: ignore[index] # typeshed: bytes or a pair
        session.logout()
    pop_by_starttls = poplib.POP3("localhost", mail.pop3_port, timeout=10)
    pop_by_starttls.stls(trust)
    for pop in (pop_by_starttls, poplib.POP3_SSL("127.0.0.1", mail.pop3s_port, timeout=10, context=trust)):
        pop.user(user)
        pop.pass_(password)
        assert pop.retr(1)[1] == [b"Subject: door", b"", b"open"]
        pop.quit()


def test_a_client_that_does_not_know_the_private_authority_refuses_the_server(servers: PrivateServers) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL("localhost", servers.mail.imaps_port, ssl_context=ssl.create_default_context(), timeout=10)


def test_an_account_added_or_changed_while_the_server_runs_is_valid_at_once(servers: PrivateServers) -> None:
    user = "late@example.test"
    for password in ("first", "second"):
        with pytest.raises(imaplib.IMAP4.error), imap(servers.mail, user, password):
            pass
        servers.mail.add_user(user, password)
        with imap(servers.mail, user, password):
            pass
    with pytest.raises(ValueError, match="not an address"):
        servers.mail.add_user("../late@example.test", "x")


def test_idle_tells_of_a_new_mail_at_once(servers: PrivateServers) -> None:
    servers.mail.add_user("idle@example.test", "secret")
    with imap(servers.mail, "idle@example.test", "secret") as session:
        session.select()
        session.send(b"a1 IDLE\r\n")
        assert session.readline().startswith(b"+")
        began = time.monotonic()
        servers.mail.deliver("idle@example.test", b"Subject: now\r\n\r\n")
        assert session.readline() == b"* 1 EXISTS\r\n"
        assert time.monotonic() - began < 3


def test_forty_sessions_of_one_account_are_served_at_once(servers: PrivateServers) -> None:
    servers.mail.add_user("many@example.test", "secret")
    sessions = [imap(servers.mail, "many@example.test", "secret") for _ in range(40)]
    opened = [session.__enter__() for session in sessions]
    try:
        assert {session.select()[0] for session in opened} == {"OK"}
    finally:
        for session in sessions:
            session.__exit__(None, None, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="anybody else is the mail's owner and reaches it in any folder")
def test_root_may_keep_mail_below_a_folder_closed_to_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with PrivateServers(closed / "data", broker=False, store=False, mail=True) as servers:
        elsewhere = servers.mail.folder.resolve()
        assert not elsewhere.is_relative_to(closed)
        servers.mail.deliver("closed@example.test", b"Subject: in\r\n\r\n")
        servers.mail.add_user("closed@example.test", "secret")
        with imap(servers.mail, "closed@example.test", "secret") as session:
            assert session.select()[1] == [b"1"]
    servers.wipe()
    assert not elsewhere.exists()


# --- what is missing


def test_missing_programs_are_named_together_with_their_mend(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(local_programs, "SYSTEM_FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(local_programs, "RABBITMQ_FOLDERS", (str(tmp_path),))
    with pytest.raises(MissingProgramError) as raised:
        PrivateServers(folder, store=False, mail=True).start()
    assert "not installed: rabbitmq-server, rabbitmqctl, epmd, dovecot" in str(raised.value)
    assert "sudo apt-get install rabbitmq-server erlang-base dovecot-imapd dovecot-pop3d" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not folder.exists()


def test_a_server_that_was_not_asked_for_says_how_to_ask(folder: Path) -> None:
    with pytest.raises(LocalServerError, match="mail=True"):
        _ = PrivateServers(folder).mail
