"""The hint of a failed connection fits its cause."""

import socket
import ssl

import pytest

from services.fetcher.ports import MailboxError
from services.fetcher.sources.diagnosis import as_mailbox_error
from services.runtime.settings import IncomingServer, Mailbox

SERVER = IncomingServer(protocol="imap", host="imap.example.com", port=993, security="tls")
STARTTLS = IncomingServer(protocol="imap", host="imap.example.com", port=143, security="starttls")
MAILBOX = Mailbox(
    name="invoices", process="invoices", server="corp", address="a@example.com", user="a"
)


def certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("cause", "hint"),
    [
        (certificate(10), "renew the certificate on the mail server"),
        (certificate(62), "set server.corp.host to the name in the server's certificate"),
        (certificate(20), "set server.corp.ca_file to the authority's certificate"),
        (ssl.SSLError("wrong version number"), 'set server.corp.security = "starttls"'),
        (socket.gaierror(-2, "Name or service not known"), "correct server.corp.host"),
        (
            socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
            "check the network and the name servers of this machine",
        ),
        (
            ConnectionRefusedError(111, "Connection refused"),
            "server.corp.host and server.corp.port",
        ),
    ],
)
def test_the_hint_fits_the_cause(cause: OSError, hint: str) -> None:
    error = reported(cause, SERVER)
    assert hint in error.hint
    assert "Errno" not in str(error)


def test_a_failed_handshake_after_starttls_does_not_advise_starttls() -> None:
    hint = reported(ssl.SSLError("unsupported protocol"), STARTTLS).hint
    assert "versions of TLS" in hint
    assert 'security = "starttls"' not in hint


def reported(cause: OSError, server: IncomingServer) -> MailboxError:
    with (
        pytest.raises(MailboxError) as caught,
        as_mailbox_error("connect", MAILBOX, server, broken=()),
    ):
        raise cause
    return caught.value
