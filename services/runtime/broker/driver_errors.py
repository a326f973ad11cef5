"""The errors of RabbitMQ's drivers, translated into ours."""

import asyncio
import re

import aio_pika
import aiormq.exceptions

from services.runtime.errors import MailcaseError, TransientError

# The driver raises RuntimeError for a channel or connection that is already closed.
DRIVER_ERRORS = (
    aiormq.exceptions.AMQPError,
    aio_pika.exceptions.AMQPError,
    OSError,
    RuntimeError,
    TimeoutError,
)
_OBJECT = re.compile(r"<(\w[\w.]*)(?: object|: [^>]*)? at 0x[0-9a-f]+>")  # Python's default repr


class translate_driver_errors:  # noqa: N801 - reads like a function in a with statement
    """A context manager that raises TransientError for driver errors, and names what was
    attempted.
    """

    def __init__(self, attempt: str) -> None:
        self._attempt = attempt

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, MailcaseError):
            return
        if isinstance(error, DRIVER_ERRORS) or _is_cancelled_by_driver(error):
            raise TransientError(f"cannot {self._attempt}: {_describe(error)}") from error


class translate_driver_cancellations(translate_driver_errors):  # noqa: N801 - as above
    """Like `translate_driver_errors`, but only for cancellations that the driver caused.

    Such a cancellation must not end the service.
    """

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, asyncio.CancelledError):
            super().__exit__(kind, error, trace)


def _describe(error: BaseException | None) -> str:
    """The driver's message without object addresses; our own if the driver's says nothing."""
    text = _OBJECT.sub(r"\1", str(error))
    if "Connection.OpenOk" in text:
        return "the virtual host in its URL does not exist, or this user may not use it"
    if isinstance(error, aiormq.exceptions.IncompatibleProtocolError):
        return "the server at that address is not RabbitMQ"
    if isinstance(error, TimeoutError):
        return text or "no answer in time"
    return text or type(error).__name__


def _is_cancelled_by_driver(error: BaseException | None) -> bool:
    """Whether the driver cancelled one of its futures because a connection ended.

    The current task itself was then not cancelled.
    """
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and not task.cancelling()
