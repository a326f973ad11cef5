"""The text of the Dockerfile, and (slow) its steps in a folder, for machines without buildah.

With buildah, tests/image builds the image and runs it.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import PrivateServers
from tests.deploy.manifests import OVERLAYS, ROOT, deployments
from tests.pipeline import Pipeline
from tests.readiness import is_ready

TEXT = (ROOT / "deploy/Dockerfile").read_text()
USER = 10001


def _instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE))
    return [
        (word, rest)
        for line in joined.splitlines()
        if line
        for word, _, rest in [line.partition(" ")]
    ]


def _copied() -> list[tuple[list[str], str]]:
    """What the build stage copies from the project, and where."""
    found = [
        rest.split()
        for word, rest in _instructions()
        if word == "COPY" and not rest.startswith("--from")
    ]
    return [(sources, target) for *sources, target in found]


def test_the_image_runs_the_command_as_the_user_whom_the_manifests_name() -> None:
    last = dict(_instructions())
    assert last["ENTRYPOINT"] == '["mailcase"]'
    assert last["USER"] == f"{USER}:{USER}"
    for overlay in OVERLAYS:
        for deployment in deployments(overlay):
            context = deployment["spec"]["template"]["spec"]["securityContext"]
            assert (context["runAsUser"], context["runAsGroup"]) == (USER, USER)


def test_the_image_has_the_python_that_the_tests_run_on() -> None:
    image = re.findall(r"^ARG PYTHON_IMAGE=python:(\d+)\.(\d+)", TEXT, re.MULTILINE)
    running = sys.version_info[:2]
    if [tuple(map(int, version)) for version in image] == [running]:
        return
    reason = f"the image has Python {image}, these tests run on {running}: they say nothing about the image"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    tested = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["python_version"]
    assert [".".join(version) for version in image] == [tested], reason
    pytest.skip(reason)


def test_only_locked_wheels_with_hashes_get_into_the_image() -> None:
    installs = re.findall(
        r"pip [^&]*\binstall ([^&]*)",
        " ".join(rest for word, rest in _instructions() if word == "RUN"),
    )
    assert len(installs) == 3
    for options in installs:
        locked = "--require-hashes" in options and "--only-binary :all:" in options
        assert locked or "--no-deps --no-index" in options


def test_everything_that_is_copied_exists_and_is_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for sources, _ in _copied():
        for source in sources:
            assert (ROOT / source).exists()
            assert f"!{source.partition('/')[0]}" in ignored


def test_nothing_that_runs_in_the_image_is_left_out_of_it() -> None:
    copied = {source for sources, _ in _copied() for source in sources}
    assert {"schemas", "services", "deploy/__init__.py", "deploy/local"} <= copied
    imported = re.compile(r"^(?:from|import) deploy\.(\w+)", re.MULTILINE)
    used = {
        name
        for file in (ROOT / "services").glob("**/*.py")
        for name in imported.findall(file.read_text())
    }
    assert used == {"local"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that represents `/` after the instructions of the build stage."""
    if os.geteuid() == 0 and shutil.which("buildah") is not None:
        pytest.skip("tests/image builds it with buildah")
    root = tmp_path_factory.mktemp("image")
    instructions = _instructions()
    first, second = (index for index, (word, _) in enumerate(instructions) if word == "FROM")
    source = root / "src"
    source.mkdir()
    path = f"{root / 'path'}:{os.environ['PATH']}"
    (root / "path").mkdir()
    (root / "path/python").symlink_to(Path(sys.base_prefix) / "bin/python3")
    for word, rest in instructions[first:second]:
        if word == "COPY":
            *names, target = rest.split()
            for name in names:
                _copy(ROOT / name, source / target, into=target.endswith("/"))
        elif word == "RUN":
            script = re.sub(
                r"/(opt|build|wheels)\b(?=[ /]|$)", lambda found: f"{root}/{found[1]}", rest
            )
            subprocess.run(
                ["sh", "-ec", script], cwd=source, env={**os.environ, "PATH": path}, check=True
            )
    yield root
    shutil.rmtree(root)


@pytest.mark.slow
def test_the_steps_of_the_build_give_a_command_that_needs_nothing_else(built: Path) -> None:
    help_text = _run(built, "--help").stdout
    for deployment in deployments("prod"):
        assert deployment["metadata"]["name"] in help_text
    installed = {
        path.name.partition("-")[0].lower()
        for path in built.glob("opt/mailcase/lib/*/site-packages/*.dist-info")
    }
    assert "mailcase" in installed
    assert installed & {"pip", "setuptools", "pytest", "trustme", "mypy"} == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "service",
    sorted(path.parent.name.replace("_", "-") for path in (ROOT / "services").glob("*/main.py")),
)
def test_a_service_of_the_image_gets_ready_and_stops(
    built: Path, service: str, servers: PrivateServers, tmp_path: Path
) -> None:
    pipeline = Pipeline(servers, tmp_path, {"image": f"{service}.image@example.test"})
    command = [str(built / "opt/mailcase/bin/mailcase"), service, "--config", str(pipeline.config)]
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd="/", env=_environment() | pipeline.env, stderr=file)
    try:
        deadline = time.monotonic() + 60
        while not is_ready(log):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)  # a probe's interval
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        pipeline.close()


def _copy(source: Path, target: Path, *, into: bool) -> None:
    target = target / source.name if into else target
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}


def _run(built: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(built / "opt/mailcase/bin/mailcase"), *arguments]
    return subprocess.run(
        command, cwd="/", env=_environment(), capture_output=True, text=True, check=True
    )
