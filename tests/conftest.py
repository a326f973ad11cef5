"""The servers that tests share. They start when a test first needs them, and stop at the end of the
session.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from deploy.local import MissingProgramError, PrivateServers
from deploy.local.programs import find_programs
from services.runtime.logs import OWN_LOGGERS
from tests.session_servers import session_servers

LONGEST_FIRST = ("watching", "faults", "e2e", "integration")

# The same examples on every run, so that a failure comes from the change under test; `make fuzz`
# looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.register_profile("seeking", deadline=None, print_blob=True)
settings.load_profile("steady")

# pytest-xdist sets it in its workers. Commands would then wrap lines as on a terminal, but tests
# read their output through a pipe.
os.environ.pop("COLUMNS", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the folders with the longest tests first, so that two processes finish at about the same
    time.
    """
    items.sort(key=lambda item: _longest_first(item.path))


def _longest_first(file: Path) -> int:
    folder = file.relative_to(Path(__file__).parent).parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Escape lone surrogates in what a worker reports: pytest-xdist sends UTF-8."""
    return _encodable((yield))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_encodable(item) for item in value)
    return value


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Restore the logging of the process after each test: a command that ran in it logs to the
    output of its test.
    """
    loggers = [logging.getLogger(name) for name in (None, *OWN_LOGGERS)]
    levels, handlers = [logger.level for logger in loggers], logging.root.handlers[:]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in set(logging.root.handlers).difference(handlers):
        logging.root.removeHandler(handler)
    logging.captureWarnings(capture=False)


@pytest.fixture(scope="session")
def server_programs() -> None:
    """The servers' programs, for tests that run servers. If one is missing, the test is skipped;
    with CI=true it fails.
    """
    _need("rabbitmq-server", "rabbitmqctl", "epmd", "mongod", "dovecot")


@pytest.fixture(scope="session")
def prometheus_programs() -> None:
    """Prometheus and promtool, under the same conditions as `server_programs`."""
    _need("prometheus", "promtool")


def _need(*programs: str) -> None:
    """Skip the test if one of the programs is missing; with CI=true, fail."""
    try:
        find_programs(programs)
    except MissingProgramError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def servers(server_programs: None) -> Iterator[PrivateServers]:
    """RabbitMQ, a one-member replica set and Dovecot, shared by the whole session and empty at
    first.

    A test that stops, kills or freezes a server restores it before it ends.
    """
    plugins = ["rabbitmq_management", "rabbitmq_prometheus"]
    with session_servers("mailcase-tests-", plugins) as private:
        yield private


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A folder for a test's own PrivateServers. It is not a folder of pytest: another run of pytest
    would close that to other users.
    """
    place = Path(tempfile.mkdtemp(prefix="mailcase-tests-"))
    place.chmod(0o711)
    yield place / "data"
    shutil.rmtree(place)
