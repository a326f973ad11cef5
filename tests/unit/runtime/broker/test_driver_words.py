"""Errors of the driver in words for people."""

import aiormq.exceptions
import pytest
from pymongo.errors import OperationFailure

from services.runtime.broker.driver_errors import translate_driver_errors
from services.runtime.errors import TransientError
from services.runtime.store.driver_errors import translated


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            RuntimeError('<Connection: "amqp://u:***@h:1/?heartbeat=10" at 0x7f871c81db30> closed'),
            "Connection closed",
        ),
        (
            aiormq.exceptions.InvalidFrameError(
                "Expected one of ['Connection.OpenOk'], got <Connection.Close object at 0x7ff82a9a5d30>"
            ),
            "the virtual host in its URL does not exist, or this user may not use it",
        ),
        (
            aiormq.exceptions.IncompatibleProtocolError(),
            "the server at that address is not RabbitMQ",
        ),
        (TimeoutError(), "no answer in time"),
        (OSError(111, "Connection refused"), "[Errno 111] Connection refused"),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_the_broker_s_driver_says_what_is_wrong_without_its_objects(
    error: Exception, words: str
) -> None:
    with pytest.raises(TransientError) as caught, translate_driver_errors("connect"):
        raise error
    assert str(caught.value) == f"cannot connect: {words}"


def test_the_database_s_driver_shows_no_document() -> None:
    error = OperationFailure("Authentication failed.", 18, {"ok": 0.0, "code": 18, "keyId": 0})
    assert str(translated(error)) == "the database: Authentication failed."
