"""A substitute for the base image: Debian with this machine's Python in /usr/local.

For machines without access to a registry. It has the layout of the official image
`python:…-slim-…`: the interpreter and pip in /usr/local, Debian's own packages around it. Other
differences from the official image are not tested.
"""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

# What the modules of Python's standard library load.
LIBRARIES = (
    "libbz2-1.0",
    "libexpat1",
    "libffi8",
    "libgdbm6",
    "liblzma5",
    "libncursesw6",
    "libreadline8",
    "libsqlite3-0",
    "libssl3",
    "libuuid1",
    "zlib1g",
)
CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")
_LEFT_OUT = ("__pycache__", "config-*", "idlelib", "lib-tk", "site-packages", "test", "tkinter")


class NoStandInError(Exception):
    """This machine cannot make a base image. The message names what is missing."""


def make_stand_in(folder: Path, release: str) -> str:
    """Fill `folder`, which must not exist, and return a description of its contents.

    Raises NoStandInError without mmdebstrap, or if the tests run on Debian's own Python, which
    cannot be moved.
    """
    if shutil.which("mmdebstrap") is None:
        raise NoStandInError("mmdebstrap is missing: apt-get install mmdebstrap")
    if Path(sys.base_prefix) == Path("/usr"):
        raise NoStandInError("the system's Python cannot be moved: set PYTHON to another one")
    packages = ",".join(("ca-certificates", "netbase", "tzdata", *LIBRARIES))
    subprocess.run(
        [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={packages}",
            release,
            str(folder),
        ],
        check=True,
    )
    _trust_what_this_machine_trusts(folder)
    _install_python(folder / "usr/local")
    subprocess.run(["chroot", str(folder), "ldconfig"], check=True)
    pip = ["chroot", str(folder), "/usr/local/bin/python", "-m", "ensurepip"]
    subprocess.run(pip, check=True, capture_output=True)
    return f"Debian {release} with Python {platform.python_version()} of this machine"


def _trust_what_this_machine_trusts(root: Path) -> None:
    """The build downloads packages, on some networks through a proxy with a private certificate."""
    machine = Path("/") / CERTIFICATES
    if machine.exists():
        shutil.copyfile(machine, root / CERTIFICATES)
        (root / "etc/pip.conf").write_text(f"[global]\ncert = /{CERTIFICATES}\n")


def _install_python(target: Path) -> None:
    source = Path(sys.base_prefix)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy(source / "bin" / name, target / "bin" / name)
    for alias in ("python", "python3"):
        (target / "bin" / alias).symlink_to(name)
    for library in source.glob(f"lib/lib{name}.so.*"):
        shutil.copy(library, target / "lib" / library.name)
    ignored = shutil.ignore_patterns(*_LEFT_OUT)
    shutil.copytree(source / "lib" / name, target / "lib" / name, symlinks=True, ignore=ignored)
    (target / "lib" / name / "site-packages").mkdir()
