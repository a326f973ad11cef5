"""Adds the commit to what is built, for `mailcase --version`. All else is in pyproject.toml."""

import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
FILE = Path("services", "cli", "commit.txt")


def commit() -> str:
    """Of this checkout, or of that from which this source distribution was made; else empty."""
    if not (ROOT / ".git").exists():
        return (ROOT / FILE).read_text() if (ROOT / FILE).exists() else ""
    try:
        command = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
        done = subprocess.run(  # noqa: S603 - fixed arguments, without a shell
            command, capture_output=True, text=True, check=False
        )
    except OSError:  # no git here
        return ""
    return done.stdout if done.returncode == 0 else ""


class BuildWithCommit(build_py):
    """An editable installation asks its checkout instead."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode and (text := commit()):
            (Path(self.build_lib) / FILE).write_text(text)


class SdistWithCommit(sdist):
    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        if text := commit():
            (Path(base_dir) / FILE).write_text(text)


setup(cmdclass={"build_py": BuildWithCommit, "sdist": SdistWithCommit})
