"""Prints mails: the exact bytes for a file or a pipe, or the main headers for people."""

import sys

from services.cli.terminal.lines import print_line
from services.cli.terminal.output import printable
from services.runtime.mail.headers import MailHeaders

_SHOWN = ("Date", "From", "To", "Subject", "Message-ID")


def write_bytes(content: bytes) -> None:
    """Write exactly these bytes to standard output."""
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def print_headers(raw: bytes) -> None:
    """Print the main headers of a mail, indented, one on a line; a missing one is shown empty."""
    headers = MailHeaders.parse(raw)
    for name in _SHOWN:
        print_line(printable(f"  {name}: {headers.text(name) or ''}"))
