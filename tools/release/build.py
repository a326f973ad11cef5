"""sdist and wheel of a commit, the same bytes wherever and whenever they are built."""

import gzip
import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from tools.release.version import ReleaseError, Version, git


def build(root: Path, version: Version, folder: Path) -> list[Path]:
    """Build from the files of the commit alone, in `folder`, which must be empty.

    Return the sdist and the wheel; the wheel is built from the sdist.
    """
    source, output = folder / "source", folder / "output"
    source.mkdir()
    archive = folder / "source.tar"
    git(root, "-c", "tar.umask=0022", "archive", f"--output={archive}", version.commit)
    with tarfile.open(archive) as tar:
        tar.extractall(source, filter="data")
    _set_version(source / "pyproject.toml", version)
    (source / "services" / "cli" / "commit.txt").write_text(f"{version.commit[:12]}\n")  # setup.py
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(version.time_s), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output)]
    done = subprocess.run(
        [*command, str(source)], env=env, umask=0o022, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ReleaseError(f"the build failed: {(done.stdout + done.stderr)[-2000:]}")
    (sdist,), (wheel,) = output.glob("*.tar.gz"), output.glob("*.whl")
    _normalize(sdist, version.time_s)
    return [sdist, wheel]


def _set_version(file: Path, version: Version) -> None:
    """A rehearsal has a version of its own; a tag is equal to what is there."""
    text = file.read_text()
    file.write_text(re.sub(r'(?m)^version = ".*"$', f'version = "{version.text}"', text, count=1))


def _normalize(sdist: Path, time_s: int) -> None:
    """Rewrite an archive without what differs between two builds: times, owners, order.

    setuptools honors SOURCE_DATE_EPOCH for wheels, not for sdists.
    """
    plain = io.BytesIO()
    with (
        tarfile.open(sdist) as old,
        tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            member.mtime, member.uid, member.gid = time_s, 0, 0
            member.uname = member.gname = ""
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    sdist.write_bytes(gzip.compress(plain.getvalue(), compresslevel=9, mtime=time_s))
