"""imaplib's client with a limit on the response to one command; imaplib itself has none."""

import imaplib
import ssl
from typing import Any, cast

from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted

from services.fetcher.sources.pace import PacedFile

# A SEARCH over two million mails; imaplib's own limit of 1 MB is enough for about 125,000.
MAX_LINE_BYTES = 16 * 1024 * 1024


class BoundedClient(imaplib.IMAP4):
    """Accepts at most `max_response_bytes` after each command; more ends the session.

    Literals, lines and responses of unlimited length therefore cannot exhaust memory. Each response
    has a deadline too (`pace.py`).
    """

    max_response_bytes = MAX_LINE_BYTES
    _received_bytes = 0

    @property
    def file(self) -> Any:  # a PacedFile, which has the methods that imaplib uses
        """The file that imaplib makes of its socket, first and again after STARTTLS."""
        return self._paced

    @file.setter
    def file(self, file: Any) -> None:
        self._paced = PacedFile(file, self.sock.gettimeout())

    def send(self, data: bytes) -> None:  # type: ignore[override] # typeshed allows any buffer; imaplib sends bytes
        self._received_bytes = 0
        self.file.start_deadline()
        super().send(data)

    def read(self, size: int) -> bytes:
        self._count(size)
        return super().read(size)  # a PacedFile allocates memory for what has arrived

    def readline(self) -> bytes:
        line: bytes = self.file.readline(MAX_LINE_BYTES + 1)
        self._count(len(line))
        return line

    def _count(self, size: int) -> None:
        self._received_bytes += size
        if self._received_bytes > self.max_response_bytes:
            raise self.abort(f"a response exceeds {self.max_response_bytes} bytes")


class _BoundedTlsClient(BoundedClient, imaplib.IMAP4_SSL):
    """The same over TLS."""


class PlainBox(MailBoxUnencrypted):
    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return BoundedClient(self._host, self._port, self._timeout)


class TlsBox(MailBox):
    def _get_mailbox_client(self) -> imaplib.IMAP4:
        context: ssl.SSLContext = self._ssl_context
        return _BoundedTlsClient(self._host, self._port, ssl_context=context, timeout=self._timeout)


def bounded_client(box: BaseMailBox) -> BoundedClient:
    """The client of a PlainBox or TlsBox."""
    return cast("BoundedClient", box.client)
