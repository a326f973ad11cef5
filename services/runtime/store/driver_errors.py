"""The errors of MongoDB's driver, translated into ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pymongo import errors as mongo

from services.runtime.errors import MailcaseError, PermanentError, TransientError
from services.runtime.store.errors import ConflictError, QueryTimeoutError, TakenError

_DUPLICATE_KEY = 11000
# The document or the call is at fault, not the server.
_PERMANENT = (
    mongo.DocumentTooLarge,
    mongo.InvalidOperation,
    mongo.ConfigurationError,
    mongo.InvalidURI,
)
# BadValue, TypeMismatch, DocumentValidationFailure, BSONObjectTooLarge (and its older code)
_PERMANENT_CODES = frozenset({2, 14, 121, 10334, 17280})
# What the driver appends to a reason: its time limits, its view of each server, the whole response.
_DRIVERS_VIEW = re.compile(
    r" \(configured timeouts: [^)]*\)|, Timeout: [\d.]+s, Topology Description: .*|"
    r", full error: .*",
    re.DOTALL,
)


@contextmanager
def translate_driver_errors() -> Iterator[None]:
    """Raise ConflictError, QueryTimeoutError, TransientError or PermanentError for errors of the
    driver.
    """
    try:
        yield
    except MailcaseError:
        raise
    except mongo.PyMongoError as error:
        raise translated(error) from error


def translated(error: mongo.PyMongoError) -> MailcaseError:
    """Our error with the same meaning."""
    text = f"the database: {_DRIVERS_VIEW.sub('', str(error))[:500]}"
    if _has_only_duplicates(error):
        return TakenError(text)
    # An outage is not a conflict with another writer, even in a transaction.
    if isinstance(error, mongo.ConnectionFailure):
        return TransientError(text)
    if error.has_error_label("TransientTransactionError"):
        return ConflictError(text)
    if isinstance(error, mongo.ExecutionTimeout):
        return QueryTimeoutError(text)
    if isinstance(error, _PERMANENT):
        return PermanentError(text)
    if isinstance(error, mongo.OperationFailure) and _codes(error) & _PERMANENT_CODES:
        return PermanentError(text)
    return TransientError(text)


def _codes(error: mongo.OperationFailure) -> set[int | None]:
    """The error's own code and those of the single writes in it."""
    failures = (error.details or {}).get("writeErrors", [])
    return {error.code, *(failure.get("code") for failure in failures)}


def _has_only_duplicates(error: mongo.PyMongoError) -> bool:
    if isinstance(error, mongo.DuplicateKeyError):
        return True
    if not isinstance(error, mongo.BulkWriteError):
        return False
    details = error.details or {}
    failures = details.get("writeErrors", [])
    concern = details.get("writeConcernErrors", [])
    only_keys = all(failure.get("code") == _DUPLICATE_KEY for failure in failures)
    return bool(failures) and not concern and only_keys
