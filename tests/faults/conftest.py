"""Servers that may be ruined, and a seed that is printed."""

import os
import random
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.servers.private import PrivateServers
from tests.faults.ledger import Ledger
from tests.pipeline import Pipeline
from tests.versions import note_versions


@pytest.fixture(scope="session")
def doomed(server_programs: None) -> Iterator[PrivateServers]:
    """Servers of their own: what is done to them must not reach the other tests."""
    folder = Path(tempfile.mkdtemp(prefix="mailcase-faults-"))
    folder.chmod(0o711)
    private = PrivateServers(folder, mail=True)
    try:
        private.start()
        note_versions(private)
        yield private
    finally:
        private.wipe()
        shutil.rmtree(folder)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that every user may enter.

    pytest's own folders are closed to others again by the next session that starts on the machine:
    then the servers of another user lose their files in the middle of a test.
    """
    folder = Path(tempfile.mkdtemp(prefix="mailcase-office-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def pipeline(doomed: PrivateServers, tmp_path: Path) -> Iterator[Pipeline]:
    doomed.broker.start()  # where the test before ended early
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
    """A failure shows the seed; MAILCASE_FAULTS_SEED repeats it."""
    seed = int(os.environ.get("MAILCASE_FAULTS_SEED") or secrets.randbelow(1_000_000))
    print(f"MAILCASE_FAULTS_SEED={seed}")
    return random.Random(seed)
