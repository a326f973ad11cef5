"""The version of a release: the tag of its commit. Without a tag, a rehearsal."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple

_TAG = re.compile(r"v(\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)")


class ReleaseError(Exception):
    """What prevents a release, where, and how to fix it."""


class Version(NamedTuple):
    text: str  # PEP 440
    tagged: bool
    commit: str
    time_s: int  # of the commit, since the epoch

    @property
    def image_tag(self) -> str:
        """A tag of an image may not contain the plus sign of a rehearsal."""
        return self.text.replace("+", "-")


def git(root: Path, *arguments: str) -> str:
    """What git prints. Raises ReleaseError if it fails."""
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ReleaseError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def declared_version(root: Path) -> str:
    """The version in pyproject.toml."""
    declared: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return declared


def version_of_head(root: Path) -> Version:
    """The version of the commit that is checked out.

    Raises ReleaseError if files differ from the commit, if the commit has two tags of versions, or
    if the tag and pyproject.toml disagree.
    """
    if changed := git(root, "status", "--porcelain"):
        first = changed.splitlines()[0]
        raise ReleaseError(f"uncommitted changes, such as {first.strip()}: commit or remove them")
    commit = git(root, "rev-parse", "HEAD")
    time_s = int(git(root, "show", "--no-patch", "--format=%ct", "HEAD"))
    tags = [
        match[1]
        for tag in git(root, "tag", "--points-at", "HEAD").split()
        if (match := _TAG.fullmatch(tag))
    ]
    declared = declared_version(root)
    if not tags:
        count = git(root, "rev-list", "--count", "HEAD")
        return Version(
            f"{declared}.dev{count}+g{commit[:9]}", tagged=False, commit=commit, time_s=time_s
        )
    if len(tags) > 1:
        raise ReleaseError(f"two versions at one commit: {', '.join(tags)}: remove a tag")
    if tags[0] != declared:
        raise ReleaseError(
            f"the tag is v{tags[0]}, pyproject.toml has {declared}: change the version, commit, tag again"
        )
    return Version(declared, tagged=True, commit=commit, time_s=time_s)
