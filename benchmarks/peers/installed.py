"""Installs other help desks below `.run/peers`; nothing is installed on the machine."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".run" / "peers"


class PeerMissingError(Exception):
    """A help desk cannot be had here; the message says why."""


def interpreter(name: str) -> Path:
    """An interpreter with the packages of `requirements/NAME.lock`, whose hashes are checked.

    Raises PeerMissingError.
    """
    lock, place = ROOT / "requirements" / f"{name}.lock", PLACE / name
    python, stamp = place / "bin" / "python", place / "installed"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return python
    shutil.rmtree(place, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(place)])
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    _run([*pip, "--require-hashes", "-r", str(lock)])
    stamp.write_text(digest)
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerMissingError(f"{' '.join(command[:4])} failed: {done.stderr.strip()[-500:]}")
