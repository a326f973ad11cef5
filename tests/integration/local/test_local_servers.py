"""The private servers themselves: what they serve, keep and report. See also
test_local_processes.
"""

import imaplib
import os
import poplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient

from deploy.local import LocalServerError, MissingProgramError, PrivateServers
from deploy.local import programs as local_programs
from deploy.local.ports import Ports
from deploy.local.servers.mail import MailServer

pytestmark = pytest.mark.usefixtures("server_programs")


def trusting(mail: MailServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=mail.ca_file)


def test_the_data_folder_may_have_any_name_but_one_with_quotes_for_the_broker(
    server_folder: Path,
) -> None:
    odd = server_folder / "a b" / "100% {uid} zażółć #"
    with PrivateServers(odd, broker=False, store=False, mail=True) as servers:
        servers.mail.add_user("odd@example.test", "secret")
        with imap(servers.mail, "odd@example.test", "secret") as session:
            assert session.select()[0] == "OK"
    with pytest.raises(LocalServerError, match="contains quotes"):
        PrivateServers(server_folder / "o'clock", store=False).start()


# --- data and ports


def test_ports_and_data_outlast_a_stop_and_a_kill(server_folder: Path) -> None:
    with PrivateServers(server_folder, broker=False) as servers:
        url = servers.store.url
        put(url, 1)
    with PrivateServers(server_folder, broker=False) as servers:
        assert servers.store.url == url
        assert everything(url) == [1]
        put(url, 2)
        servers.store.kill()
        assert not servers.store.running
        assert servers.store.pids == []
        servers.store.start()
        assert everything(url) == [1, 2]


def test_a_port_taken_in_the_meantime_is_replaced_and_the_replica_set_follows(
    server_folder: Path,
) -> None:
    with PrivateServers(server_folder, broker=False) as servers:
        port = servers.store.members[0].port
        put(servers.store.url, 1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        with PrivateServers(server_folder, broker=False) as servers:
            assert servers.store.members[0].port != port
            put(servers.store.url, 2)
            assert everything(servers.store.url) == [1, 2]


def test_wipe_deletes_the_data_only_when_the_server_is_stopped(server_folder: Path) -> None:
    with PrivateServers(server_folder, broker=False, mail=True) as servers:
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


def test_three_members_elect_another_primary_when_theirs_dies(server_folder: Path) -> None:
    with PrivateServers(server_folder, broker=False, store_members=3) as servers:
        put(servers.store.url, 1)
        first = servers.store.primary
        assert first is not None
        first.kill()
        put(servers.store.url, 2)  # the driver waits for the election
        assert servers.store.primary not in {None, first}
        assert not servers.store.running
        servers.store.start()
        assert all(member.running for member in servers.store.members)
        assert everything(servers.store.url) == [1, 2]


# --- the broker


def test_the_broker_keeps_its_data_after_sigkill_and_answers_rabbitmqctl(
    servers: PrivateServers,
) -> None:
    port = servers.broker.port
    servers.broker.ctl("add_vhost", "kept")
    servers.broker.kill()
    with pytest.raises(OSError, match="refused"):
        servers.broker.probe()
    with pytest.raises(LocalServerError, match="not running"):
        servers.broker.ctl("list_vhosts")
    servers.broker.start()
    assert servers.broker.port == port
    assert "kept" in servers.broker.ctl("list_vhosts").split()
    servers.broker.ctl("delete_vhost", "kept")
    with pytest.raises(LocalServerError, match="no_such_command"):
        servers.broker.ctl("no_such_command")


def test_a_frozen_broker_is_silent_and_resumes_when_thawed(servers: PrivateServers) -> None:
    servers.broker.freeze()
    try:
        with pytest.raises(TimeoutError):
            servers.broker.probe(timeout_s=0.5)
        assert servers.broker.running
    finally:
        servers.broker.thaw()
    servers.broker.probe()


# --- mail


@contextmanager
def imap(mail: MailServer, user: str, password: str) -> Iterator[imaplib.IMAP4]:
    session = imaplib.IMAP4_SSL(
        "localhost", mail.imaps_port, ssl_context=trusting(mail), timeout=10
    )
    try:
        session.login(user, password)
        yield session
    finally:
        session.shutdown()


def test_every_door_of_the_mail_server_leads_to_the_mail_with_its_certificate_verified(
    servers: PrivateServers,
) -> None:
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
    for pop in (
        pop_by_starttls,
        poplib.POP3_SSL("127.0.0.1", mail.pop3s_port, timeout=10, context=trust),
    ):
        pop.user(user)
        pop.pass_(password)
        assert pop.retr(1)[1] == [b"Subject: door", b"", b"open"]
        pop.quit()


def test_a_client_that_does_not_know_the_private_authority_refuses_the_server(
    servers: PrivateServers,
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL(
            "localhost",
            servers.mail.imaps_port,
            ssl_context=ssl.create_default_context(),
            timeout=10,
        )


def test_an_account_added_or_changed_while_the_server_runs_is_valid_at_once(
    servers: PrivateServers,
) -> None:
    user = "late@example.test"
    for password in ("first", "second"):
        with pytest.raises(imaplib.IMAP4.error), imap(servers.mail, user, password):
            pass
        servers.mail.add_user(user, password)
        with imap(servers.mail, user, password):
            pass
    with pytest.raises(ValueError, match="invalid address"):
        servers.mail.add_user("../late@example.test", "x")


def test_idle_announces_a_new_mail_at_once(servers: PrivateServers) -> None:
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


@pytest.mark.skipif(
    os.geteuid() != 0, reason="anybody else is the mail's owner and reaches it in any folder"
)
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


def test_missing_programs_are_named_together_with_a_hint(
    server_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("MAILCASE_PROGRAMS", raising=False)
    monkeypatch.setattr(local_programs, "SYSTEM_FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(local_programs, "RABBITMQ_FOLDERS", (str(tmp_path),))
    with pytest.raises(MissingProgramError) as raised:
        PrivateServers(server_folder, store=False, mail=True).start()
    assert "not installed: rabbitmq-server, rabbitmqctl, epmd, dovecot" in str(raised.value)
    assert "sudo apt-get install rabbitmq-server erlang-base dovecot-imapd dovecot-pop3d" in str(
        raised.value
    )
    assert "\n" not in str(raised.value)
    assert not server_folder.exists()


def test_a_server_that_was_not_asked_for_says_how_to_ask(server_folder: Path) -> None:
    with pytest.raises(LocalServerError, match="mail=True"):
        _ = PrivateServers(server_folder).mail
