"""The built image: its contents, and every service of it with real servers. Slow: `make image`."""

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy.local import PrivateServers
from tests.deploy.manifests import ROOT
from tests.image.base import NoStandInError
from tests.image.container import SETTINGS, Container
from tests.image.engine import Base, Engine
from tests.pipeline import Pipeline
from tests.readiness import is_ready
from tools.release.sbom import bill_of_materials

pytestmark = pytest.mark.slow

USER = 10001
TAG = "localhost/mailcase:test"
BUDGET_BYTES = 60_000_000
STOP_S = 30.0
BUILDERS = {
    *("as", "cc", "cpp", "g++", "gcc", "ld", "make"),
    *("ensurepip", "pip", "pip3", "setuptools", "uv", "wheel"),
    *("curl", "git", "wget"),
}
SERVICES = sorted(
    path.parent.name.replace("_", "-") for path in (ROOT / "services").glob("*/main.py")
)


class Image(NamedTuple):
    engine: Engine
    base: Base
    root: Path


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    if os.geteuid() != 0 or shutil.which("buildah") is None:
        pytest.skip("needs root and buildah: apt-get install buildah")
    folder = ROOT / ".run" / "image"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    engine = Engine(folder)
    try:
        base = _base(engine)
        engine.build(ROOT, base, TAG, VERSION="9.8.7", REVISION="abc")
        yield Image(engine, base, engine.unpack(TAG))
    finally:
        engine.wipe()


def _base(engine: Engine) -> Base:
    """The image that the Dockerfile names, or a substitute with the same series of Python; the
    output says which.
    """
    text = (ROOT / "deploy/Dockerfile").read_text()
    (name,) = re.findall(r"^ARG PYTHON_IMAGE=(.*)$", text, re.MULTILINE)
    python, release = re.findall(r"python:(\d+\.\d+)\.\d+-slim-(\w+)$", name)[0]
    if python != f"{sys.version_info.major}.{sys.version_info.minor}":
        pytest.skip(f"the image has Python {python}, these tests run on another series")
    try:
        base = engine.base(name, release)
    except NoStandInError as error:
        pytest.skip(f"no registry has {name}, and there is no stand-in: {error}")
    if base.stand_in:
        _say(f"a stand-in was used for {name}: {base.stand_in}")
    return base


def test_the_image_is_what_the_manifests_expect(image: Image) -> None:
    config = image.engine.config(TAG)["config"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["mailcase"]
    assert config["Labels"]["org.opencontainers.image.version"] == "9.8.7"
    assert config["Labels"]["org.opencontainers.image.revision"] == "abc"
    assert f":{USER}:" in (image.root / "etc/passwd").read_text()


def test_our_layer_is_within_its_budget(image: Image) -> None:
    of_base = len(image.engine.layer_bytes(image.base.image))
    ours = sum(image.engine.layer_bytes(TAG)[of_base:])
    _say(f"our layer: {ours / 1e6:.1f} MB of {BUDGET_BYTES / 1e6:.0f} MB, compressed")
    assert 0 < ours <= BUDGET_BYTES


def test_nothing_in_the_image_builds_installs_or_downloads(image: Image) -> None:
    programs = {
        path.name
        for folder in ("usr/bin", "usr/sbin", "usr/local/bin", "opt/mailcase/bin")
        for path in (image.root / folder).iterdir()
    }
    modules = {
        path.name
        for pattern in ("usr/local/lib/python3*", "usr/local/lib/python3*/site-packages")
        for folder in image.root.glob(pattern)
        for path in folder.iterdir()
    }
    modules |= {path.name for path in image.root.glob("opt/mailcase/lib/*/site-packages/*")}
    assert (programs | modules) & BUILDERS == set()
    assert list(image.root.glob("var/lib/apt/lists/*_Packages*")) == []
    assert list(image.root.glob("var/cache/apt/**/*.*")) == []


def test_only_root_can_write_to_what_runs(image: Image) -> None:
    for folder, _, names in os.walk(image.root / "opt/mailcase"):
        for path in (Path(folder), *(Path(folder, name) for name in names)):
            found = path.lstat()
            assert (found.st_uid, found.st_gid) == (0, 0), path
            assert path.is_symlink() or not found.st_mode & 0o022, path


def test_the_bill_of_materials_lists_what_is_installed(image: Image) -> None:
    bill = bill_of_materials()
    assert bill["bomFormat"] == "CycloneDX"
    listed = {
        (component["name"].replace("_", "-").lower(), component["version"])
        for component in bill["components"]
    }
    folders = image.root.glob("opt/mailcase/lib/*/site-packages/*.dist-info")
    installed = {
        (name.replace("_", "-").lower(), version)
        for name, _, version in (folder.stem.rpartition("-") for folder in folders)
        if name != "mailcase"
    }
    assert len(installed) > 30
    assert installed - listed == set()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_ready_and_stops(
    image: Image, service: str, servers: PrivateServers, tmp_path: Path
) -> None:
    """On a read-only root, as process 1, without any capability."""
    pipeline = Pipeline(servers, tmp_path, {"image": f"{service}.run@example.test"})
    command = ["mailcase", service, "--config", str(SETTINGS / "mailcase.toml")]
    env = dict(line.split("=", 1) for line in image.engine.config(TAG)["config"]["Env"])
    log = tmp_path / "log"
    container = Container(
        image.root,
        USER,
        command,
        settings=_settings(pipeline, tmp_path / "settings"),
        env=env | pipeline.env,
        log=log,
    )
    try:
        with container:
            started_s = time.monotonic()
            while not is_ready(log):
                assert container.running(), log.read_text()
                assert time.monotonic() < started_s + 90, log.read_text()
                time.sleep(0.1)  # a probe's interval
            ready_s = time.monotonic() - started_s
            status = container.status
            exit_status, stop_s = container.stop(STOP_S)
    finally:
        pipeline.close()
    assert exit_status == 0, log.read_text()
    assert status["NSpid"].split()[-1] == "1"
    assert set(status["Uid"].split() + status["Gid"].split()) == {str(USER)}
    assert (int(status["CapBnd"], 16), int(status["CapEff"], 16)) == (0, 0)
    _say(f"{service}: ready after {ready_s:.1f} s, stopped within {stop_s:.1f} s")


def test_nothing_but_tmp_can_be_written(image: Image, tmp_path: Path) -> None:
    """This proves that the tests above run on a read-only root."""
    script = """
import os, pathlib
def writable(path):
    try:
        (pathlib.Path(path) / "probe").write_text("x")
    except OSError:
        return False
    return True
paths = ["/", "/opt/mailcase", "/etc", "/usr/local/lib", "/var", "/var/tmp", "/tmp/mailcase", "/tmp"]
print([path for path in paths if writable(path)], os.getuid())
"""
    settings, log = tmp_path / "settings", tmp_path / "log"
    settings.mkdir()
    command = ["/opt/mailcase/bin/python", "-c", script]
    with Container(image.root, USER, command, settings=settings, env={}, log=log) as container:
        assert container.wait(30) == 0, log.read_text()
    assert log.read_text().strip() == f"['/tmp'] {USER}"
    # The same folders without the confinement: not only their owner, but also the read-only root
    # forbids writing there.
    with Container(image.root, 0, command, settings=settings, env={}, log=log) as container:
        assert container.wait(30) == 0, log.read_text()
    assert log.read_text().strip() == "['/tmp'] 0"


def _settings(pipeline: Pipeline, folder: Path) -> Path:
    """The settings of the test with all files that they name, for the user of the image."""
    folder.mkdir()
    ca_file = str(pipeline.servers.mail.ca_file)
    text = pipeline.config.read_text().replace(ca_file, "ca.pem")
    (folder / "mailcase.toml").write_text(text)
    shutil.copy(ca_file, folder / "ca.pem")
    shutil.copy(pipeline.folder / "password", folder / "password")
    for path in (folder, *folder.iterdir()):
        os.chown(path, USER, USER)
        path.chmod(0o500 if path.is_dir() else 0o400)
    return folder


def _say(text: str) -> None:
    """Print to the terminal although pytest captures output (`make image` uses -s)."""
    print(f"\nimage: {text}")
