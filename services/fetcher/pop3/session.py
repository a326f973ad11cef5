"""A POP3 session (RFC 1939) with verified encryption, access tokens and exact bytes."""

import base64
import poplib
import socket
import ssl
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from operator import itemgetter
from typing import Any

from services.fetcher.sources.credentials import Credential, xoauth2
from services.fetcher.sources.diagnosis import (
    guard_starttls,
    login_refused,
    no_encryption,
    tls_context,
)
from services.fetcher.sources.pace import PacedFile
from services.runtime.oauth2.tokens import AccessToken
from services.runtime.settings import IncomingServer, Mailbox

BROKEN = (poplib.error_proto,)
_EMPTY_BYTES = 4  # the largest size listed for an empty mail: the line ends that RETR adds
_PIECE_BYTES = 64 * 1024
_MAX_LISTING_BYTES = 64 * 1024 * 1024  # about a million mails


class BrokenAnswerError(OSError):
    """The server's response ended early or is too long."""


class Pop3Session:
    """One connection. It may have the maildrop's lock until `quit` or `hang_up`.

    Every method raises poplib.error_proto if the server refuses, and OSError if the connection
    ends.
    """

    def __init__(self, mailbox: Mailbox, server: IncomingServer) -> None:
        """Connect, with the encryption of the settings; sends no secret.

        Raises RefusedError too.
        """
        self._mailbox = mailbox
        self._client = _opened(mailbox, server)
        self.greeting = (
            self._client.welcome.decode("ascii", "replace").removeprefix("+OK").strip()[:80]
        )

    @property
    def socket(self) -> socket.socket:
        return self._client.sock

    def log_in(self, credential: Credential) -> None:
        """Raises RefusedError if the server rejects the credentials."""
        try:
            if isinstance(credential, AccessToken):
                self._xoauth2(credential)
            else:
                self._command(f"USER {self._mailbox.user}")
                self._command(f"PASS {credential.text}")
        except poplib.error_proto as error:
            if isinstance(credential, AccessToken):
                credential.refused()
            raise login_refused(self._mailbox, answer(error)) from error

    def capabilities(self) -> frozenset[str]:
        """Capability names of RFC 2449; empty if the server has no CAPA."""
        try:
            return frozenset(self._client.capa())
        except poplib.error_proto:
            return frozenset()

    def listing(self) -> Iterator[tuple[int, str, int]]:
        """Number, UIDL and size in bytes of each mail, oldest first."""
        listed = _Sizes(self._lines("LIST"))
        lines = (line.split(maxsplit=1) for line in self._lines("UIDL"))
        uidls = (
            (int(number), uidl.decode("ascii", "backslashreplace").strip())
            for number, uidl in lines
        )
        for number, uidl in _ascending(uidls):
            if (size := listed.of(number)) is not None:
                yield number, uidl, size

    def retrieve(self, number: int, expected_bytes: int) -> bytes:
        """A mail's bytes, with the server's line ends, without escapes (RFC 1939 section 3).

        `expected_bytes` limits how much is read; some servers count a line end as one byte. An
        empty response for a mail that was listed with a size counts as a refusal: the server cannot
        read the mail at the moment.
        """
        self._command(f"RETR {number}")
        raw = self._multi_line(2 * expected_bytes + 1024 * 1024)
        if not raw and expected_bytes > _EMPTY_BYTES:
            raise poplib.error_proto(b"-ERR the server reports success and returns nothing")
        return raw

    def retrieve_head(self, number: int, expected_bytes: int, head_bytes: int) -> bytes:
        """The first `head_bytes` of a mail. The rest is discarded: not every server has TOP."""
        self._command(f"RETR {number}")
        return self._multi_line(2 * expected_bytes + 1024 * 1024, kept_bytes=head_bytes)[
            :head_bytes
        ]

    def delete(self, number: int) -> None:
        """Mark a mail as deleted; takes effect with `quit`."""
        self._command(f"DELE {number}")

    def quit(self) -> None:
        """End the session; this deletes for good."""
        self._client.quit()

    def hang_up(self) -> None:
        """Cut the connection, which undoes every deletion. Never raises."""
        with suppress(OSError):
            self._client.close()

    def _command(self, line: str) -> bytes:
        # poplib has no public access to a raw response.
        self._client._putcmd(line)  # type: ignore[attr-defined]  # noqa: SLF001 - as above
        try:
            response: bytes = self._client._getresp()  # type: ignore[attr-defined]  # noqa: SLF001 - as above
        except poplib.error_proto as error:
            if error.args and isinstance(error.args[0], bytes):
                raise  # the server's response
            raise BrokenAnswerError(
                answer(error)
            ) from error  # poplib raises the same error at the end of the connection
        return response

    def _lines(self, command: str) -> Iterator[bytes]:
        self._command(command)
        return self._pieces(_MAX_LISTING_BYTES)

    def _multi_line(self, most_bytes: int, kept_bytes: int | None = None) -> bytes:
        """All pieces. Whole ones after the first `kept_bytes` are discarded."""
        kept: list[bytes] = []
        size = 0
        for piece in self._pieces(most_bytes):
            if kept_bytes is None or size < kept_bytes:
                kept.append(piece)
            size += len(piece)
        return b"".join(kept)

    def _pieces(self, most_bytes: int) -> Iterator[bytes]:
        """Read up to the line with a single dot.

        Reads lines, and long ones in pieces, because lines of mails have no maximum length.
        """
        size, at_line_start = 0, True
        while True:
            piece = self._client.file.readline(_PIECE_BYTES)
            if not piece:
                raise BrokenAnswerError("the connection ended inside a mail")
            if at_line_start and piece.startswith(b"."):
                if piece in {b".\r\n", b".\n"}:
                    return
                piece = piece[1:]
            size += len(piece)
            if size > most_bytes:
                raise BrokenAnswerError(f"a response exceeds {most_bytes} bytes")
            at_line_start = piece.endswith(b"\n")
            yield piece

    def _xoauth2(self, token: AccessToken) -> None:
        """In two steps, because a token may be longer than a command (RFC 5034 section 4)."""
        response = xoauth2(self._mailbox.user, token)
        answered = self._command("AUTH XOAUTH2")
        while answered.startswith(b"+ ") or answered == b"+":
            answered = self._command(base64.b64encode(response(answered)).decode("ascii"))


class _Sizes:
    """The sizes in a response to LIST, by number."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._numbers, self._sizes = array("Q"), array("Q")
        is_ordered = True
        for number, size, *_ in (line.split() for line in lines):
            self._numbers.append(int(number))
            self._sizes.append(int(size))
            is_ordered = is_ordered and self._numbers[-1] >= self._numbers[-2:][0]
        if not is_ordered:
            pairs = sorted(zip(self._numbers, self._sizes, strict=True), key=itemgetter(0))
            self._numbers = array("Q", (number for number, _ in pairs))
            self._sizes = array("Q", (size for _, size in pairs))

    def of(self, number: int) -> int | None:
        """The size of a mail, the last one if it was listed twice; None if it was not listed."""
        place = bisect_right(self._numbers, number)
        return self._sizes[place - 1] if place and self._numbers[place - 1] == number else None


def _ascending(uidls: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The UIDLs as they come, which is by number; those of a smaller number at the end."""
    last, late = 0, list[tuple[int, str]]()
    for number, uidl in uidls:
        if number < last:
            late.append((number, uidl))
        else:
            last = number
            yield number, uidl
    yield from sorted(late)


def answer(error: poplib.error_proto) -> str:
    """The server's text in an error of poplib, at most 200 characters."""
    text = error.args[0] if error.args else b""
    return (text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text))[:200]


class _Plain(poplib.POP3):
    """A client with a deadline for every response. An invalid greeting closes the connection."""

    @property
    def file(self) -> Any:  # a PacedFile, which has the methods that poplib uses
        """The file that poplib makes of its socket, first and again after STLS."""
        return self._paced

    @file.setter
    def file(self, file: Any) -> None:
        # None once it is closed.
        self._paced = None if file is None else PacedFile(file, self.sock.gettimeout())

    def _putline(self, line: bytes) -> None:
        self.file.start_deadline()
        super()._putline(line)  # type: ignore[misc] # private, so it has no type

    def __init__(self, *arguments: Any, **more: Any) -> None:
        try:
            super().__init__(*arguments, **more)
        except BaseException:
            if hasattr(self, "sock"):
                self.close()
            raise


class _Encrypted(_Plain, poplib.POP3_SSL):
    """The same over TLS."""


def _opened(mailbox: Mailbox, server: IncomingServer) -> poplib.POP3:
    if server.security == "tls":
        context = tls_context(mailbox, server)
        return _Encrypted(server.host, server.port, timeout=server.timeout_s, context=context)
    if server.security == "none":
        return _Plain(server.host, server.port, timeout=server.timeout_s)
    context = tls_context(mailbox, server)
    client = _Plain(server.host, server.port, timeout=server.timeout_s)
    try:
        _start_tls(client, mailbox, context)
    except BaseException:
        with suppress(OSError):
            client.close()
        raise
    return client


def _start_tls(client: poplib.POP3, mailbox: Mailbox, context: ssl.SSLContext) -> None:
    """Start TLS and discard everything received before it (RFC 2595 section 4)."""
    try:
        client.stls(guard_starttls(context, client.file, mailbox))
    except ssl.SSLCertVerificationError:
        raise
    except (poplib.error_proto, ssl.SSLError) as error:
        reason = answer(error) if isinstance(error, poplib.error_proto) else str(error)
        raise no_encryption(mailbox, "STLS failed: ", reason) from error
