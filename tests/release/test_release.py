"""`make release`: what stops it, and (slow) a complete release of a tagged copy of this
repository.
"""

import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.deploy.manifests import ROOT
from tools.release.__main__ import release
from tools.release.changelog import release_notes
from tools.release.manifests import check_image_tags
from tools.release.sbom import bill_of_materials
from tools.release.version import ReleaseError, Version, declared_version, git, version_of_head

DECLARED = declared_version(ROOT)
TAGGED = Version("1.2.0", tagged=True, commit="c" * 40, time_s=1_700_000_000)
REHEARSAL = Version("1.2.0.dev7+gcccc", tagged=False, commit="c" * 40, time_s=1_700_000_000)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit that declares version 1.2.0."""
    root = tmp_path / "repository"
    root.mkdir()
    (root / "pyproject.toml").write_text('[project]\nname = "mailcase"\nversion = "1.2.0"\n')
    git(root, "init", "--quiet")
    _commit(root)
    return root


def _commit(root: Path) -> None:
    identity = ["-c", "user.name=Ola", "-c", "user.email=ola@example.test"]
    git(root, "add", "--all")
    git(root, *identity, "commit", "--quiet", "--allow-empty", "--message=a change")


def test_the_version_is_the_tag(repository: Path) -> None:
    git(repository, "tag", "v1.2.0")
    version = version_of_head(repository)
    assert (version.text, version.tagged, version.image_tag) == ("1.2.0", True, "1.2.0")


def test_a_commit_without_a_tag_is_a_rehearsal(repository: Path) -> None:
    git(repository, "tag", "v1.2.0")
    git(repository, "tag", "unrelated")
    _commit(repository)
    version = version_of_head(repository)
    assert re.fullmatch(r"1\.2\.0\.dev2\+g[0-9a-f]{9}", version.text)
    assert not version.tagged
    assert re.fullmatch(r"[\w][\w.-]{0,127}", version.image_tag)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [(["v1.3.0"], "the tag is v1.3.0, pyproject.toml has 1.2.0"), (["v1.2.0", "v1.2.1"], "two")],
)
def test_a_tag_that_is_not_the_version_stops_a_release(
    repository: Path, tags: list[str], reason: str
) -> None:
    for tag in tags:
        git(repository, "tag", tag)
    with pytest.raises(ReleaseError, match=reason):
        version_of_head(repository)


def test_files_that_were_not_committed_stop_a_release(repository: Path) -> None:
    (repository / "forgotten.py").touch()
    with pytest.raises(ReleaseError, match=r"uncommitted changes, such as .*forgotten"):
        version_of_head(repository)


@pytest.mark.parametrize(
    ("changelog", "reason"),
    [
        ("# Changelog\n\n## Unreleased\n\n- A\n", "no section 1.2.0"),
        ("# Changelog\n\n## 1.2.0\n\n- A\n", "has no date"),
        ("# Changelog\n\n## 1.2.0 (2026-11-29)\n\n## 1.1.0 (2026-10-01)\n\n- B\n", "is empty"),
    ],
)
def test_a_changelog_without_the_version_stops_a_release(changelog: str, reason: str) -> None:
    with pytest.raises(ReleaseError, match=reason):
        release_notes(changelog, TAGGED)


def test_the_notes_are_the_section_of_the_version() -> None:
    changelog = (
        "# Changelog\n\n## 1.2.0 (2026-11-29)\n\n### Added\n\n- A\n\n## 1.1.0 (2026-10-01)\n\n- B\n"
    )
    assert release_notes(changelog, TAGGED) == "### Added\n\n- A\n"
    assert release_notes(f"{changelog}\n## Unreleased\n\n- C\n", REHEARSAL) == "- C\n"


def test_manifests_and_dockerfile_name_the_version(tmp_path: Path) -> None:
    check_image_tags(ROOT, DECLARED)
    with pytest.raises(ReleaseError, match=r"deploy/Dockerfile has .*, pyproject.toml has 9\.9\.9"):
        check_image_tags(ROOT, "9.9.9")


def test_every_locked_package_is_in_the_bill_of_materials_with_its_hashes() -> None:
    lock = (ROOT / "requirements/runtime.lock").read_text()
    locked = set(re.findall(r"^([\w.-]+)==([\w.!+-]+)", lock, re.MULTILINE))
    components = bill_of_materials()["components"]
    assert {(component["name"], component["version"]) for component in components} == locked
    hashes = {
        found["content"]
        for component in components
        for reference in component["externalReferences"]
        for found in reference.get("hashes", ())
    }
    assert hashes == set(re.findall(r"--hash=sha256:([0-9a-f]{64})", lock))


def test_the_workflow_of_the_forge_runs_what_make_offers() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    targets = {
        target for step in steps for target in re.findall(r"\bmake ([a-z]+)", step.get("run", ""))
    }
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"check", "test", "matrix", "image", "release"} <= targets <= set(phony.split())
    for step in steps:
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+(\.\d+)*", step["uses"]), step
    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


@pytest.mark.slow
def test_a_tagged_commit_gives_a_whole_release(tmp_path: Path) -> None:
    root, output = tmp_path / "copy", tmp_path / "dist"
    git(ROOT, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(root))
    changelog = root / "CHANGELOG.md"
    changelog.write_text(
        changelog.read_text().replace("## Unreleased", f"## {DECLARED} (2026-11-29)", 1)
    )
    _commit(root)
    git(root, "tag", f"v{DECLARED}")
    version = release(root, output)
    assert version.tagged
    stem = f"mailcase-{DECLARED}"
    names = {f"{stem}-py3-none-any.whl", f"{stem}.tar.gz", f"{stem}.cdx.json", "notes.md"}
    assert {file.name for file in output.iterdir()} == names | {"SHA256SUMS"}
    for line in (output / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((output / name).read_bytes()).hexdigest() == digest
    bill = json.loads((output / f"{stem}.cdx.json").read_text())
    assert bill["metadata"]["component"]["version"] == DECLARED
    _run_from(output / f"{stem}-py3-none-any.whl", tmp_path / "installed")


def _run_from(wheel: Path, folder: Path) -> None:
    """The wheel contains all files of this project that the command needs."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    interpreter = shutil.which("python", path=str(ROOT / ".venv/bin"))
    assert interpreter is not None
    script = "import services.cli; print(services.cli.__file__)"
    env = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [interpreter, "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(folder / "services/cli/__init__.py")
