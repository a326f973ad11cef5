"""What strangers publish about their mail servers is read within limits, and never without
encryption.
"""

import pytest

from services.cli.init.discovery.autoconfig import MAX_BYTES, UnreadableAutoconfigError, parse
from services.cli.init.discovery.finder import usual_names
from services.cli.init.discovery.providers import by_domain, by_mail_exchanger
from services.cli.init.discovery.servers import FoundServer, is_within, preferred

SERVER = """<incomingServer type="{type}"><hostname>{host}</hostname><port>{port}</port>
<socketType>{socket}</socketType><username>%EMAILLOCALPART%</username></incomingServer>"""


def file(*servers: str) -> bytes:
    return (
        f"<clientConfig><emailProvider>{''.join(servers)}</emailProvider></clientConfig>".encode()
    )


def server(**values: object) -> str:
    usual = {"type": "imap", "host": "imap.%EMAILDOMAIN%", "port": 993, "socket": "SSL"}
    return SERVER.format(**(usual | values))


def test_placeholders_are_filled_in_for_the_address() -> None:
    [found] = parse(file(server()), "a file")
    found = found.for_address("jan@example.com")
    assert (found.host, found.user, found.port, found.security) == (
        "imap.example.com",
        "jan",
        993,
        "tls",
    )


@pytest.mark.parametrize(
    "values",
    [
        {"socket": "plain"},
        {"socket": ""},
        {"type": "exchange"},
        {"port": 0},
        {"port": 65536},
        {"port": "9" * 5000},
        {"port": "٣"},
        {"host": ""},
    ],
)
def test_servers_without_encryption_or_with_unusable_parts_are_left_out(
    values: dict[str, object],
) -> None:
    assert parse(file(server(**values)), "a file") == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html>not found", "not XML"),
        (b"", "not XML"),
        (b"\xff\xfe\x00", "not XML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        (b"<a>" * 100_000, "larger than"),
        (b"<a>" * 1000, "nested too deeply"),
        (b" " * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_hostile_files_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableAutoconfigError, match=reason):
        parse(data, "a file")


def test_a_file_with_thousands_of_servers_yields_only_the_first() -> None:
    assert len(parse(file(*[server()] * 250), "a file")) == 20


def test_imap_and_encryption_from_the_start_come_first() -> None:
    offers = [
        FoundServer("pop3", "a.test", 995, "tls", ""),
        FoundServer("imap", "b.test", 143, "starttls", ""),
        FoundServer("imap", "c.test", 993, "tls", ""),
        FoundServer("imap", "C.test", 993, "tls", "again"),
    ]
    assert [server.host for server in preferred(offers)] == ["c.test", "b.test", "a.test"]


@pytest.mark.parametrize(
    ("host", "within"),
    [
        ("example.com", True),
        ("IMAP.Example.com.", True),
        ("example.com.evil.test", False),
        ("evilexample.com", False),
    ],
)
def test_only_a_host_of_the_domain_itself_is_vouched_for(host: str, within: bool) -> None:
    assert is_within(host, "example.com") == within


def test_large_providers_are_known_by_domain_and_by_mail_exchanger() -> None:
    assert {server.protocol for server in by_domain("GMX.de")} == {"imap", "pop3", "smtp"}
    assert by_mail_exchanger(["aspmx.l.google.com."])[0].oauth2 == "google"
    assert by_mail_exchanger(["google.com.evil.test"]) == []
    assert by_domain("example.com") == []


def test_usual_names_are_offered_if_they_answer() -> None:
    found = usual_names(
        "example.com", lambda host, port, _: (host, port) == ("mail.example.com", 143)
    )
    assert [(server.host, server.security) for server in found] == [
        ("mail.example.com", "starttls")
    ]
