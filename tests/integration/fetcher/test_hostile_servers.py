"""Mail servers with invalid, endless and incomplete responses delay only their own mailbox."""

import asyncio
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from deploy.local import PrivateServers
from schemas.mails import mail_key
from services.fetcher.imap import client as imap_client
from services.fetcher.imap.source import ImapSource
from services.fetcher.pop3.source import Pop3Source
from services.fetcher.ports import MailboxError, MailSource
from services.runtime.settings import IncomingServer, Mailbox
from tests.integration.mailboxes import Account, password
from tests.integration.recorder import Bench, fetching, until
from tests.integration.scripted import ScriptedServer

MAILS = {uid: b"Subject: %d\r\n\r\ntext\r\n" % uid for uid in (11, 12, 13)}
GREETINGS = {"imap": b"* OK hello\r\n", "pop3": b"+OK hello\r\n"}
SOURCES: dict[str, Callable[..., MailSource]] = {"imap": ImapSource, "pop3": Pop3Source}
MAILBOX = Mailbox(
    name="a", process="p", server="s", address="a@x.test", user="a@x.test", password_env="UNUSED"
)

FETCH_OF_11 = b"fetch of 11"  # any IMAP command that fetches mail 11 among others

Strange = dict[bytes, bytes]


class Imap:
    """Just enough IMAP for a folder with three mails.

    `strange` maps the beginning of a command to the response to send instead. b"" closes the
    connection, and `TAG` represents the tag of the command. The first bytes of mails are refused
    unless `sends_first_bytes`.
    """

    def __init__(self, strange: Strange, *, sends_first_bytes: bool = False) -> None:
        self.strange = strange
        self.sends_first_bytes = sends_first_bytes
        self.left = dict(MAILS)

    def __call__(self, line: bytes) -> bytes:
        tag, _, command = line.strip().partition(b" ")
        uids = self._uids(command.partition(b"(")[0])
        for beginning, response in self.strange.items():
            matches = beginning == FETCH_OF_11 and b"BODY.PEEK" in command and 11 in uids
            if matches or command.startswith(beginning):
                return response.replace(b"TAG", tag)
        if b"BODY.PEEK[]<0." in command and not self.sends_first_bytes:
            return tag + b" BAD no part of a mail\r\n"
        return self._response(command, uids) + tag + b" OK done\r\n"

    def _uids(self, command: bytes) -> list[int]:
        ranges = re.findall(rb"\b(1\d)(?::(1\d))?\b", command)
        return [uid for first, last in ranges for uid in range(int(first), int(last or first) + 1)]

    def _response(self, command: bytes, uids: list[int]) -> bytes:
        if command.startswith(b"SELECT"):
            return b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [PERMANENTFLAGS (\\Deleted \\Flagged \\*)] ok\r\n"
        if command.startswith(b"CAPABILITY"):
            return b"* CAPABILITY IMAP4rev1 UIDPLUS\r\n"
        if command.startswith(b"UID SEARCH DELETED"):
            return b"* SEARCH\r\n"
        if command.startswith(b"UID SEARCH"):
            # out of order
            return b"* SEARCH %s\r\n" % b" ".join(b"%d" % uid for uid in reversed(self.left))
        if b"BODY.PEEK[]<0." in command:
            return b"".join(
                b"* 1 FETCH (UID %d RFC822.SIZE 21 BODY[]<0> {%d}\r\n%s)\r\n" % (uid, len(raw), raw)
                for uid, raw in self.left.items()
                if uid in uids
            )
        if b"RFC822.SIZE" in command:
            return b"".join(
                b"* %d FETCH (UID %d RFC822.SIZE 21)\r\n" % (uid, uid)
                for uid in uids
                if uid in self.left
            )
        if b"BODY.PEEK" in command:
            pairs = [(uid, self.left[uid]) for uid in uids if uid in self.left]
            return b"".join(
                b"* 1 FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (uid, len(raw), raw)
                for uid, raw in pairs
            )
        if command.startswith(b"UID EXPUNGE"):
            for uid in uids:
                self.left.pop(uid, None)
        return b""


class Pop3:
    """The same for POP3."""

    def __init__(self, strange: Strange) -> None:
        self.strange = strange
        self.left = dict(MAILS)
        self.gone: list[int] = []

    def __call__(self, line: bytes) -> bytes:
        command = line.strip()
        for beginning, response in self.strange.items():
            if command.startswith(beginning):
                return response
        word, _, argument = command.partition(b" ")
        if word == b"LIST":
            return b"+OK\r\n%s.\r\n" % b"".join(
                b"%d %d\r\n" % (uid, len(raw)) for uid, raw in self.left.items()
            )
        if word == b"UIDL":
            return b"+OK\r\n%s.\r\n" % b"".join(b"%d u%d\r\n" % (uid, uid) for uid in self.left)
        if word == b"RETR":
            return b"+OK\r\n%s.\r\n" % self.left[int(argument)]
        if word == b"DELE":
            self.gone.append(int(argument))
        if word == b"QUIT":
            while self.gone:
                self.left.pop(self.gone.pop(), None)
        return b"+OK\r\n"


SERVERS: dict[str, Callable[[Strange], Imap | Pop3]] = {"imap": Imap, "pop3": Pop3}


@pytest.fixture
def bench(servers: PrivateServers, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(servers, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("protocol", "strange"),
    [
        ("imap", {FETCH_OF_11: b""}),
        ("imap", {FETCH_OF_11: b"TAG NO no\r\n"}),
        ("imap", {FETCH_OF_11: b"TAG BAD no\r\n"}),
        ("pop3", {b"RETR 11": b""}),
        ("pop3", {b"RETR 11": b"-ERR no\r\n"}),
        ("pop3", {b"RETR 11": b"+OK\r\n.\r\n"}),  # nothing, though it was listed with its size
        ("pop3", {b"RETR 11": b"+OK\r\n" + b"x" * 3_000_000}),  # longer than it was said to be
    ],
)
async def test_a_mail_that_can_never_be_fetched_blocks_none_behind_it(
    bench: Bench,
    servers: PrivateServers,
    monkeypatch: pytest.MonkeyPatch,
    protocol: str,
    strange: Strange,
) -> None:
    monkeypatch.setattr("services.fetcher.service.MAX_PAUSE_S", 0.1)
    server = SERVERS[protocol](strange)
    unreadable = _unreadable()
    with ScriptedServer(GREETINGS[protocol], server) as scripted:
        lines = [
            f'protocol = "{protocol}"',
            'host = "127.0.0.1"',
            f"port = {scripted.port}",
            'security = "none"',
        ]
        lines += ["timeout_s = 5", "poll_interval_s = 0.2", "idle = false"]
        settings = bench.settings({"a": Account(servers, "hostile")}, "\n".join(lines))
        async with bench.recorder() as recorder, fetching(settings):
            await until(lambda: list(server.left) == [11], lambda: f"{list(server.left)} are left")
            await until(lambda: _unreadable() > unreadable, lambda: "it is counted")
    assert recorder.counts == {mail_key("a", MAILS[uid]): 1 for uid in (12, 13)}


def _unreadable() -> float:
    return (
        REGISTRY.get_sample_value("mailcase_mailbox_mails_unreadable_total", {"mailbox": "a"})
        or 0.0
    )


STORM = b"* 5 EXISTS\r\n" * 100_000  # 1.2 MB


@pytest.mark.parametrize(
    ("protocol", "strange"),
    [
        ("imap", {b"UID FETCH": b"* 1 FETCH (UID 11 BODY[] {99999999999}\r\nlittle"}),
        ("imap", {b"UID FETCH": b"* 1 FETCH (UID 11 BODY[] {99999999999999999999999}\r\nlittle"}),
        (
            "imap",
            {
                b"UID FETCH": b"* 1 FETCH (UID 11 BODY[] {3000000}\r\n"
                + b"x" * 3_000_000
                + b")\r\nTAG OK\r\n"
            },
        ),
        (
            "imap",
            {
                b"UID FETCH": b"* 1 FETCH (UID 11 BODY[] {3}\r\n"
                + MAILS[11]
                + b")\r\nTAG OK done\r\n"
            },
        ),
        ("imap", {b"UID FETCH": b"* 1 FETCH " + b"(" * 3_000_000 + b"\r\nTAG OK done\r\n"}),
        ("imap", {b"UID FETCH": STORM + b"TAG OK done\r\n"}),
        ("imap", {b"UID SEARCH": STORM + b"TAG OK done\r\n"}),
        ("imap", {b"UID SEARCH": b"* SEARCH 1\r\n"}),  # and no tagged answer
        ("imap", {b"UID SEARCH": b"* SEARCH one two\r\nTAG OK done\r\n"}),
        ("imap", {b"SELECT": b"* OK [UIDVALIDITY x] ok\r\nTAG OK done\r\n"}),
        ("pop3", {b"LIST": b"+OK\r\n" + b"1 " * 2_000_000 + b"\r\n.\r\n"}),
        ("pop3", {b"UIDL": b"+OK\r\nnot a number\r\n.\r\n"}),
        ("pop3", {b"RETR": b"+OK\r\n" + b"x" * 3_000_000}),
        ("pop3", {b"RETR": b"+OK " + b"x" * 3_000_000 + b"\r\n"}),
        ("pop3", {b"LIST": b"+OK\r\n"}),  # and no end
    ],
)
def test_invalid_and_endless_responses_end_the_session_within_limits(
    monkeypatch: pytest.MonkeyPatch, protocol: str, strange: Strange
) -> None:
    monkeypatch.setattr(imap_client, "MAX_LINE_BYTES", 100_000)
    monkeypatch.setattr(imap_client.BoundedClient, "max_response_bytes", 100_000)
    monkeypatch.setattr("services.fetcher.imap.source.MAX_LINE_BYTES", 100_000)
    monkeypatch.setattr("services.fetcher.pop3.session._MAX_LISTING_BYTES", 1_000_000)
    with ScriptedServer(GREETINGS[protocol], SERVERS[protocol](strange)) as scripted:
        server = IncomingServer(
            protocol="imap" if protocol == "imap" else "pop3",
            host="127.0.0.1",
            port=scripted.port,
            security="none",
            timeout_s=1.0,
        )
        source = SOURCES[protocol](MAILBOX, server, password)
        tracemalloc.start()
        try:
            with pytest.raises(MailboxError):
                _read(source)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            source.close()
    assert peak < 30_000_000


def _read(source: MailSource) -> None:
    source.connect()
    source.fetch([mail.id for mail in source.list_new(10)])


async def test_a_flood_of_responses_ends_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Imap({b"CAPABILITY": b"* CAPABILITY IMAP4rev1 IDLE\r\nTAG OK done\r\n"})

    def answer(line: bytes) -> bytes:
        if line.strip().endswith(b"IDLE"):
            tags.append(line.split()[0])
            return b"+ idling\r\n" + STORM
        return tags[-1] + b" OK done\r\n" if line.strip() == b"DONE" else server(line)

    tags: list[bytes] = []
    with ScriptedServer(GREETINGS["imap"], answer) as scripted:
        settings = IncomingServer(
            protocol="imap", host="127.0.0.1", port=scripted.port, security="none", timeout_s=10.0
        )
        source = ImapSource(MAILBOX, settings, password)
        await asyncio.to_thread(source.connect)
        await asyncio.to_thread(source.list_new, 10)
        await asyncio.to_thread(source.wait, 60.0)
        assert [mail.id for mail in await asyncio.to_thread(source.list_new, 10)] == []
        await asyncio.to_thread(source.close)
