"""Request Tracker 5 and fetchmail of Debian 12, unpacked into a folder, as the root directory of a
command; nothing is installed.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.installed import PLACE, PeerMissingError
from tests.matrix.suites import Suite, UnpackError

# No package depends on the last two, because every Debian has them.
PACKAGES = ("request-tracker5", "rt5-db-sqlite", "rt5-standalone", "fetchmail", "coreutils", "dash")
_MERGED = ("bin", "sbin", "lib", "lib64")
_FILES = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\n",
    "group": "root:x:0:\nwww-data:x:33:\n",
    "hosts": "127.0.0.1 localhost\n",
}


def unpacked() -> Path:
    """The root directory. Raises PeerMissingError."""
    suite = Suite("bookworm", PLACE)
    try:
        if suite.unpack(*PACKAGES) or not (suite.folder / "ready").exists():
            _merge_usr(suite.root)
            for name, content in _FILES.items():
                (suite.root / "etc" / name).write_text(content)
            for mounted in ("proc", "dev", "srv", "tmp"):
                (suite.root / mounted).mkdir(exist_ok=True)
            for cache in ("mason_data", "session_data"):
                place = suite.root / "var/cache/request-tracker5" / cache
                shutil.rmtree(place)
                place.symlink_to(f"/srv/{cache}")
            (suite.folder / "ready").touch()
    except UnpackError as error:
        raise PeerMissingError(str(error)) from error
    return suite.root


def inside(root: Path, folder: Path, *command: str) -> Sequence[str]:
    """The command with `root` as its root directory, `folder` as /srv, and a host name that can be
    resolved; it needs no rights (unshare(1), user_namespaces(7)).
    """
    script = (
        'hostname localhost && mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev"'
        ' && mount --bind "$1" "$0/srv" && shift && exec chroot "$0" "$@"'
    )
    enter = ["unshare", "--user", "--map-root-user", "--mount", "--uts", "sh", "-c", script]
    return [*enter, str(root), str(folder), *command]


def _merge_usr(root: Path) -> None:
    """Make /bin and others links into /usr, which Debian's installer does."""
    for name in _MERGED:
        place, merged = root / name, root / "usr" / name
        if place.is_dir() and not place.is_symlink():
            shutil.copytree(place, merged, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(place)
        if not place.exists():
            place.symlink_to(f"usr/{name}")
