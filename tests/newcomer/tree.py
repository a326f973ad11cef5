"""A bare tree of a Debian or Ubuntu release in which a new user logs in.

debootstrap makes it from the mirror that apt uses on this machine, unless another mirror is given.
The processes and mounts of the tree are in separate namespaces, so that none outlives the test; it
uses this machine's network.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

USER = "nadia"
# What makes this machine's network work in programs of the tree; certificates are copied.
_NETWORK_VARIABLES = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "PIP_INDEX_URL",
)
# As in a container's image: packages start no services when they are installed.
_POLICY = "#!/bin/sh\nexit 101\n"
_UBUNTU = {"jammy", "noble"}
_UBUNTU_KEYS = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")
_INIT = (
    'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && '
    'mount -t tmpfs tmpfs "$0/run" && echo ready && sleep infinity & wait; wait'
)


class Tree:
    """The tree of `release` in `folder`. The first time, it is made and kept as an archive."""

    def __init__(self, folder: Path, release: str, mirror: str, *, verified: bool) -> None:
        self.release = release
        self.root = folder / "trees" / release
        self._archive = folder / f"{release}.tar"
        self._mirror = mirror or _own_mirror()
        self._verified = verified
        self._init: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if not self._archive.exists():
            self._bootstrap()
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        _run(["tar", "-C", str(self.root), "-xf", str(self._archive)])
        self._prepare()
        self._init = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", _INIT, str(self.root)],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._init.stdout is not None
        assert self._init.stdout.readline() == "ready\n", "the namespaces cannot be made"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._init is not None:
            self._init.kill()  # and, by --kill-child, everything in the tree
            self._init.wait()

    def shell(self) -> list[str]:
        """The command that starts a log-in shell of the new user."""
        return [*self._inside(), "su", "-", USER]

    def install(self, files: dict[str, bytes]) -> None:
        """Install certificates that programs of the tree then trust, by name."""
        for name, content in files.items():
            (self.root / "usr/local/share/ca-certificates" / f"{name}.crt").write_bytes(content)
        _run([*self._inside(), "update-ca-certificates"])

    def give(self, path: str, source: Path) -> None:
        """Copy a file or folder into the new user's home."""
        target = self.root / "home" / USER / path
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copyfile(source, target)
        _run([*self._inside(), "chown", "-R", f"{USER}:{USER}", f"/home/{USER}/{path}"])

    def name_host(self, address: str, host: str) -> None:
        """Add an entry to the hosts file of the tree."""
        with (self.root / "etc/hosts").open("a") as hosts:
            hosts.write(f"{address} {host}\n")

    def _inside(self) -> list[str]:
        assert self._init is not None
        children = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text()
        enter = ["nsenter", "--mount", "--pid", "--target", children.split()[0]]
        return [*enter, "chroot", str(self.root)]

    def _bootstrap(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        components = "main,universe" if self.release in _UBUNTU else "main"
        options = ["--variant=minbase", "--include=ca-certificates,sudo"]
        checked = [] if self._verified else ["--no-check-gpg"]
        if self.release in _UBUNTU and self._verified:
            assert _UBUNTU_KEYS.exists(), f"{_UBUNTU_KEYS} is missing; --unverified goes without"
            checked = [f"--keyring={_UBUNTU_KEYS}"]
        _run(
            ["debootstrap", *options, *checked, f"--components={components}", self.release]
            + [str(self.root), self._mirror]
            + (["gutsy"] if self.release in _UBUNTU else [])  # debootstrap's script for Ubuntu
        )
        partial = self._archive.with_suffix(".partial")
        _run(["tar", "-C", str(self.root), "-cf", str(partial), "."])
        partial.rename(self._archive)

    def _prepare(self) -> None:
        """Add what a new user's machine has: a network, certificates, and a user with sudo."""
        etc = self.root / "etc"
        shutil.copyfile("/etc/resolv.conf", etc / "resolv.conf")
        (etc / "hosts").write_text(f"127.0.0.1 localhost {os.uname().nodename}\n")
        variables = {name: os.environ[name] for name in _NETWORK_VARIABLES if name in os.environ}
        lines = [f'{name}="{value}"\n' for name, value in variables.items()]
        (etc / "environment").write_text("".join(lines))
        policy = self.root / "usr/sbin/policy-rc.d"
        policy.write_text(_POLICY)
        policy.chmod(0o755)
        local = self.root / "usr/local/share/ca-certificates"
        for certificate in Path("/usr/local/share/ca-certificates").glob("*.crt"):
            shutil.copyfile(certificate, local / certificate.name)
        inside = ["chroot", str(self.root)]
        _run([*inside, "useradd", "--create-home", "--shell", "/bin/bash", USER])
        (etc / "sudoers.d" / USER).write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")


def _run(command: Sequence[str]) -> None:
    """Run a program. AssertionError with its output if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


def _own_mirror() -> str:
    """The mirror that apt uses on this machine."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
