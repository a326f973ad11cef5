"""Private servers that several tests share."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local import PrivateServers
from tests.versions import note_versions


@contextmanager
def session_servers(prefix: str, broker_plugins: Sequence[str] = ()) -> Iterator[PrivateServers]:
    """Run RabbitMQ, a one-member replica set and Dovecot in a new folder, and remove them after."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o711)  # the user of the mail server must be able to enter
    private = PrivateServers(folder, mail=True, broker_plugins=broker_plugins)
    try:
        private.start()
        note_versions(private)
        yield private
    finally:
        private.wipe()
        shutil.rmtree(folder)
