"""Errors of the command line itself."""

from services.runtime.errors import MailcaseError


class InvalidArgumentsError(MailcaseError):
    """The command line is invalid; the message says how, and names the help of the command."""
