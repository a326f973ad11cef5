"""The database's errors that a caller handles; all others are TransientError or PermanentError."""

from services.runtime.errors import TransientError


class ConflictError(TransientError):
    """Another writer was first: read again, then repeat. The database itself works."""


class TakenError(ConflictError):
    """A unique key is taken, and nothing else went wrong."""


class UnclearCommitError(TransientError):
    """The transaction may or may not have been written: read before repeating it."""


class QueryTimeoutError(TransientError):
    """A read took longer than its caller allowed. The database itself works."""
