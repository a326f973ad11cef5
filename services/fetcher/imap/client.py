"""imaplib's client with a bound on what one command may be answered; imaplib itself takes whatever a server sends."""

import imaplib
import ssl
from typing import Any, cast

from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted

from services.fetcher.sources.pace import PacedFile

MAX_LINE_BYTES = 16 * 1024 * 1024  # a SEARCH of two million mails; imaplib's own 1 MB ends at about 125,000
_PIECE_BYTES = 1024 * 1024


class BoundedClient(imaplib.IMAP4):
    """At most `most_bytes` are taken after each thing that was sent; more ends the session.

    So a literal that claims a length without end, lines without end and answers that never end fill no seen_ids. The
    answer has a deadline too (`pace.py`).
    """

    most_bytes = MAX_LINE_BYTES
    _taken = 0

    @property
    def file(self) -> Any:  # a PacedFile, which has what imaplib uses of a file
        """What imaplib made of its socket, at first and again after STARTTLS."""
        return self._paced

    @file.setter
    def file(self, file: Any) -> None:
        self._paced = PacedFile(file, self.sock.gettimeout())

    def send(self, data: bytes) -> None:  # type: ignore[override] # typeshed allows any buffer; imaplib sends bytes
        self._taken = 0
        self.file.begin()
        super().send(data)

    def read(self, size: int) -> bytes:
        self._count(size)
        # In pieces, because one large read makes room for all of it before a byte has come.
        pieces = []
        while size and (piece := super().read(min(size, _PIECE_BYTES))):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def readline(self) -> bytes:
        line: bytes = self.file.readline(MAX_LINE_BYTES + 1)
        self._count(len(line))
        return line

    def _count(self, size: int) -> None:
        self._taken += size
        if self._taken > self.most_bytes:
            raise self.abort(f"an answer goes on beyond {self.most_bytes} bytes")


class _BoundedTlsClient(BoundedClient, imaplib.IMAP4_SSL):
    """As above."""


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
