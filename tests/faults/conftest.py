"""Servers that the tests may damage, and a random generator whose seed is printed."""

import os
import random
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.servers.private import PrivateServers
from tests.faults.support.ledger import Ledger
from tests.pipeline import Pipeline
from tests.session_servers import session_servers


@pytest.fixture(scope="session")
def doomed(server_programs: None) -> Iterator[PrivateServers]:
    """Separate servers, so that damage to them does not reach other tests."""
    with session_servers("mailcase-faults-") as private:
        yield private


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that every user may enter.

    It is not a folder of pytest: the next session of pytest on the machine would close that to
    other users, and the servers of such a user would lose their files in the middle of a test.
    """
    folder = Path(tempfile.mkdtemp(prefix="mailcase-office-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def pipeline(doomed: PrivateServers, tmp_path: Path) -> Iterator[Pipeline]:
    doomed.broker.start()  # if the previous test ended early
    doomed.store.start()
    made = Pipeline(
        doomed, tmp_path, {"invoices": f"invoices.{tmp_path.name}@example.test"}, fresh=True
    )
    yield made
    made.close()


@pytest.fixture
def ledger(pipeline: Pipeline) -> Ledger:
    return Ledger(pipeline)


@pytest.fixture
def chance() -> random.Random:
    """A failed test shows the seed; set MAILCASE_FAULTS_SEED to it to repeat the run."""
    seed = int(os.environ.get("MAILCASE_FAULTS_SEED") or secrets.randbelow(1_000_000))
    print(f"MAILCASE_FAULTS_SEED={seed}")
    return random.Random(seed)
