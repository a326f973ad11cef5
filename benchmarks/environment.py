"""The servers of a run, and fresh sides on them."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contenders import NO_REPLICAS, Side
from deploy.local import PrivateServers


class Ground:
    """Private servers for the whole run."""

    def __init__(self, servers: PrivateServers, folder: Path) -> None:
        self.servers = servers
        self._folder = folder
        self._numbers = itertools.count(1)

    @classmethod
    @contextmanager
    def laid(cls, store_cache_gb: float) -> Iterator["Ground"]:
        """`store_cache_gb` is MongoDB's cache in gigabytes. Everything is gone after the block."""
        folder = Path(tempfile.mkdtemp(prefix="mailcase-bench-"))
        folder.chmod(0o711)  # the mail server's user must be able to pass through
        servers = PrivateServers(folder / "servers", mail=True, store_cache_gb=store_cache_gb)
        try:
            yield cls(servers.start(), folder)
        finally:
            servers.wipe()
            shutil.rmtree(folder)

    def side(self, name: str, replicas: Mapping[str, int] = NO_REPLICAS) -> Side:
        """`mailcase`, `floor` or `work`, with a virtual host, a database and a mailbox that nothing
        used before; `replicas` of Mailcase's services if there are more than one.
        """
        return Side(name, self.servers, self.fresh_folder(name), replicas)

    def fresh_folder(self, name: str) -> Path:
        """An empty folder that is gone with the ground."""
        folder = self._folder / f"{name}-{next(self._numbers)}"
        folder.mkdir(mode=0o711)
        return folder
