"""A pipeline for each end-to-end test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.servers.private import PrivateServers
from tests.pipeline import Pipeline


@pytest.fixture
def pipeline(
    servers: PrivateServers, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Pipeline]:
    """Two processes, `invoices` and `complaints`, with addresses that no other test uses."""
    name = request.node.name.replace("_", "-")[:40].lower().strip("-[]")
    mailboxes = {
        process: f"{process}.{name}@example.test" for process in ("invoices", "complaints")
    }
    made = Pipeline(servers, tmp_path, mailboxes)
    yield made
    made.close()
