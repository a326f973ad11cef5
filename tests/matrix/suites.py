"""Packages of another Debian suite, unpacked into a folder of this project. Nothing is installed.

apt gets a separate configuration (apt.conf(5)): its sources are those of this machine with another
suite, and its state and cache are in the folder. It therefore uses the machine's mirror, proxies
and keys.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

PLACE = Path(__file__).parents[2] / ".run" / "matrix"
SOURCES = Path("/etc/apt")
STAMP = "unpacked"


class UnpackError(Exception):
    """The packages are not available here; the message says why."""


class Suite:
    """One suite. `root` has the contents of its packages; `packages` are their versions by name."""

    def __init__(self, name: str, place: Path = PLACE) -> None:
        self.name = name
        self.folder = place / name
        self.root = self.folder / "root"

    @property
    def packages(self) -> dict[str, str]:
        stamp = self.folder / STAMP
        return (
            dict(line.split() for line in stamp.read_text().splitlines()) if stamp.exists() else {}
        )

    @property
    def libraries(self) -> Path:
        """The folder of the shared libraries (multiarch)."""
        return next(self.root.glob("usr/lib/*-linux-gnu"))

    @property
    def loader(self) -> Path:
        """The dynamic loader that belongs to the suite's C library."""
        return next(self.libraries.glob("ld-linux*.so.*"))

    def unpack(self, *wanted: str) -> bool:
        """Download and unpack these packages with all their dependencies.

        Returns False if they are there already. Raises UnpackError.
        """
        if set(wanted) <= self.packages.keys():
            return False
        self._configure()
        self._apt("apt-get", "-q", "update")
        self._apt(
            "apt-get", "-qy", "--no-install-recommends", "--download-only", "install", *wanted
        )
        archives = sorted((self.folder / "cache" / "archives").glob("*.deb"))
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        for archive in archives:
            _run(["dpkg", "-x", str(archive), str(self.root)], {})
        names = [archive.name.split("_") for archive in archives]
        stamp = "".join(f"{name} {version.replace('%3a', ':')}\n" for name, version, _ in names)
        (self.folder / STAMP).write_text(stamp)
        return True

    def _configure(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for part in ("state/lists/partial", "cache/archives/partial", "sources"):
            (self.folder / part).mkdir(parents=True)
        (
            self.folder / "status"
        ).touch()  # nothing counts as installed, so all dependencies are downloaded
        self._write_sources()
        (self.folder / "apt.conf").write_text(
            f'Dir::State "{self.folder}/state";\n'
            f'Dir::State::status "{self.folder}/status";\n'
            f'Dir::Cache "{self.folder}/cache";\n'
            'Dir::Etc::sourcelist "/dev/null";\n'
            f'Dir::Etc::sourceparts "{self.folder}/sources";\n'
            'Dir::Etc::preferences "/dev/null";\n'
            'Dir::Etc::preferencesparts "/dev/null";\n'
            'Debug::NoLocking "1";\n'
            'Acquire::Languages "none";\n'
            'APT::Sandbox::User "";\n'  # apt's own user may not be able to enter the folder
        )

    def _write_sources(self) -> None:
        """Write the machine's source for its main suite, with the name of this suite."""
        for file in sorted(SOURCES.glob("sources.list.d/*.sources")):
            for stanza in re.split(r"\n\s*\n", file.read_text()):
                found = re.search(r"^Suites:\s*(\w+)\b.*$", stanza, re.MULTILINE)
                if found and f" {found[1]}-updates" in found[0]:
                    text = stanza.replace(found[0], f"Suites: {self.name}")
                    (self.folder / "sources" / "suite.sources").write_text(text.strip() + "\n")
                    return
        for file in [SOURCES / "sources.list", *sorted(SOURCES.glob("sources.list.d/*.list"))]:
            for line in file.read_text().splitlines() if file.exists() else ():
                found = re.match(r"(deb\s+(?:\[[^]]*\]\s+)?\S+/debian/?)\s+\w+\s+main\b", line)
                if found:
                    source = f"{found[1]} {self.name} main\n"
                    (self.folder / "sources" / "suite.list").write_text(source)
                    return
        raise UnpackError("this machine's apt sources name no Debian suite with its updates")

    def _apt(self, *command: str) -> None:
        _run(command, {"APT_CONFIG": str(self.folder / "apt.conf")})


def _run(command: list[str] | tuple[str, ...], env: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command, env={**os.environ, **env}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise UnpackError(f"{command[0]} is not here: Debian or Ubuntu is needed") from error
    if done.returncode != 0:
        raise UnpackError(f"{' '.join(command[:4])} failed: {done.stderr.strip()[-500:]}")
