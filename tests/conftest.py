"""The servers that tests share. They start when the first test asks for them, and end with the session."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import MissingProgramError, PrivateServers


@pytest.fixture(scope="session")
def servers() -> Iterator[PrivateServers]:
    """RabbitMQ, a one-member replica set and Dovecot, empty at first and shared by the whole session.

    A test that stops, kills or freezes one of them puts it right again before it ends. Where a program is missing the
    test is skipped; under CI=true it fails.
    """
    folder = Path(tempfile.mkdtemp(prefix="mailcase-tests-"))
    folder.chmod(0o711)  # the mail server's user must be able to pass through
    private = PrivateServers(folder, mail=True)
    try:
        private.start()
        yield private
    except MissingProgramError as error:
        missing_program(error)
    finally:
        private.wipe()
        shutil.rmtree(folder)


def missing_program(error: MissingProgramError) -> None:
    """Ends a test that cannot run here: fails it under CI=true, skips it elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))
