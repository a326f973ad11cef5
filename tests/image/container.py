"""A process in an unpacked image, confined like the pods of deploy/k8s, by util-linux alone.

Its root is read-only, and it has its own /tmp. It is process 1 of its PID namespace and runs as the
image's user, without capabilities and without a way to gain any. It uses the machine's network,
where the private servers listen.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

# $1 root, $2 folder of the settings, $3 user id; then the command. The root is bound over itself,
# as only a mount can be made read-only.
_ENTER = """
root=$1 settings=$2 user=$3; shift 3
mount --bind "$root" "$root"
mount -t tmpfs -o mode=1777,size=256m tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
touch "$root/dev/null" "$root/dev/urandom"
mount --bind /dev/null "$root/dev/null"
mount --bind /dev/urandom "$root/dev/urandom"
mkdir -p "$root/dev/shm" "$root/tmp/mailcase"
mount --bind "$settings" "$root/tmp/mailcase"
mount -o remount,bind,ro "$root/tmp/mailcase"
mount --bind /etc/hosts "$root/etc/hosts"
mount -o remount,bind,ro "$root"
cd "$root"
exec chroot "$root" /usr/bin/setpriv --reuid "$user" --regid "$user" --clear-groups \
    --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
"""
SETTINGS = Path("/tmp/mailcase")


class Container:
    """A context manager that runs the process during its block."""

    def __init__(
        self,
        root: Path,
        user: int,
        command: Sequence[str],
        *,
        settings: Path,
        env: Mapping[str, str],
        log: Path,
    ) -> None:
        """`settings` is a folder that the process sees as `SETTINGS`; its output goes to `log`."""
        confine = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", _ENTER]
        where = ["sh", str(root), str(settings), str(user)]
        self._command = [*confine, *where, *command]
        self._env = dict(env)
        self._log = log
        self._file: BinaryIO | None = None
        self._outer: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._file = self._log.open("wb")
        self._outer = subprocess.Popen(
            self._command, env=self._env, stdout=self._file, stderr=self._file
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._outer is not None
        assert self._file is not None
        self._outer.kill()  # and, by --kill-child, the process inside
        self._outer.wait()
        self._file.close()

    @property
    def status(self) -> dict[str, str]:
        """The fields of /proc/PID/status of the process in the container."""
        lines = Path(f"/proc/{self._pid()}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def running(self) -> bool:
        assert self._outer is not None
        return self._outer.poll() is None

    def wait(self, patience_s: float) -> int:
        """The exit status. Raises subprocess.TimeoutExpired."""
        assert self._outer is not None
        return self._outer.wait(patience_s)

    def stop(self, patience_s: float) -> tuple[int, float]:
        """Send SIGTERM; returns the exit status, and how many seconds the process took to end."""
        started_s = time.monotonic()
        os.kill(self._pid(), signal.SIGTERM)
        return self.wait(patience_s), time.monotonic() - started_s

    def _pid(self) -> int:
        """The PID of the process in the container, as this machine numbers it."""
        assert self._outer is not None
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
        return int(children.read_text())
