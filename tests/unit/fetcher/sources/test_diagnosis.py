"""The hint of a failed connection fits its cause."""

import socket
import ssl

import pytest

from services.fetcher.ports import MailboxError
from services.fetcher.sources.diagnosis import as_mailbox_error
from services.runtime.settings import IncomingServer, Mailbox

SERVER = IncomingServer(protocol="imap", host="imap.example.com", port=993, security="tls")
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
            ConnectionRefusedError(111, "Connection refused"),
            "server.corp.host and server.corp.port",
        ),
    ],
)
def test_the_hint_fits_the_cause(cause: OSError, hint: str) -> None:
    with (
        pytest.raises(MailboxError) as caught,
        as_mailbox_error("connect", MAILBOX, SERVER, broken=()),
    ):
        raise cause
    assert hint in caught.value.hint
    assert "Errno" not in str(caught.value)
