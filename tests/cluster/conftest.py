"""A cluster of three machines with a pipeline on it, for one test."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from deploy.local.programs import find_programs
from tests.cluster.cluster import Cluster
from tests.cluster.network import permitted
from tests.cluster.pipeline import ClusterPipeline
from tests.matrix.suites import UnpackError
from tests.matrix.unpacked import broker_programs

MAILBOXES = 3


@pytest.fixture(params=["unstable", "trixie"])
def release(request: pytest.FixtureRequest) -> str:
    """The Debian suite that provides RabbitMQ."""
    return str(request.param)


@pytest.fixture
def start(server_programs: None) -> Iterator[Callable[[str], ClusterPipeline]]:
    """Start a cluster with RabbitMQ from a Debian suite, and all services on it."""
    if reason := permitted():
        pytest.skip(reason)  # network namespaces need root; `make cluster` says so
    with ExitStack() as opened:

        def started(release: str) -> ClusterPipeline:
            return opened.enter_context(_running(release))

        yield started


@contextmanager
def _running(release: str) -> Iterator[ClusterPipeline]:
    programs = programs_of(release)
    folder = Path(tempfile.mkdtemp(prefix="mailcase-cluster-"))
    folder.chmod(0o711)
    try:
        with (
            PrivateServers(folder / "mail", broker=False, store=False, mail=True) as servers,
            Cluster(folder, programs) as cluster,
        ):
            try:
                pipeline = ClusterPipeline(cluster, servers.mail, folder / "services", MAILBOXES)
                with pipeline.running():
                    yield pipeline
            finally:
                keep_logs(cluster, folder)
    finally:
        shutil.rmtree(folder)


def programs_of(release: str) -> Path:
    """The folder with RabbitMQ from this suite; for `installed`, that of the machine."""
    if release == "installed":
        return Path(find_programs(["rabbitmq-server"])["rabbitmq-server"]).parent
    try:
        return broker_programs(release)
    except UnpackError as error:
        pytest.skip(str(error))  # this mirror does not have the suite


def keep_logs(cluster: Cluster, folder: Path) -> None:
    """Keep the logs in the folder MAILCASE_KEEP_LOGS, if it is set."""
    kept = os.environ.get("MAILCASE_KEEP_LOGS")
    if kept:
        for machine in cluster.machines:
            logs = cluster.disk(machine) / "logs"
            shutil.copytree(logs, Path(kept) / logs.parent.name, dirs_exist_ok=True)
        shutil.copytree(folder / "services" / "logs", Path(kept) / "services", dirs_exist_ok=True)
