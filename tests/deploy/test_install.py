"""The wheel, installed by pipx and by uv for a user with an empty home folder, and by `make
install`.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow  # downloads, unless the tools have everything in their caches


def run(home: Path, *command: str | Path) -> str:
    """Run a program with that home folder and return its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILCASE_")}
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PIPX_HOME", "UV_TOOL_DIR"):
        kept.pop(name, None)
    own = {"HOME": str(home), "PATH": f"{home}/.local/bin:{kept.get('PATH', '')}"}
    done = subprocess.run(
        list(command),
        env=kept | own,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the committed files, as by `pip wheel --no-deps .`."""
    folder = tmp_path_factory.mktemp("wheel")
    run(folder, "git", "clone", "--quiet", ROOT, folder / "source")
    run(
        folder,
        "python3",
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "-w",
        folder,
        folder / "source",
    )
    [built] = folder.glob("mailcase-*.whl")
    return built


@pytest.mark.parametrize("tool", ["pipx", "uv"])
def test_the_wheel_installs_into_an_empty_home(tool: str, wheel: Path, tmp_path: Path) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    what = f"{wheel}[local,oauth2]"
    command = ["pipx", "install", what] if tool == "pipx" else ["uv", "tool", "install", what]
    run(tmp_path, *command)
    check_installed(tmp_path)


@pytest.mark.parametrize("tool", ["pipx", "uv"])
def test_make_install_takes_the_tool_that_is_there(tool: str, tmp_path: Path) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    path = os.environ["PATH"].split(":")
    if tool == "pipx":  # uv is preferred: hide it
        path = [folder for folder in path if not (Path(folder) / "uv").exists()]
        if shutil.which(tool, path=":".join(path)) is None:
            pytest.skip("uv is in the same folder as pipx")
    run(tmp_path, "git", "clone", "--quiet", ROOT, tmp_path / "mailcase")
    install = ("env", f"PATH={':'.join(path)}", "make", "-C", tmp_path / "mailcase", "install")
    assert "ready; next: mailcase init, then mailcase up" in run(tmp_path, *install)
    where = "tool dir" if tool == "uv" else "environment --value PIPX_LOCAL_VENVS"
    folder = Path(run(tmp_path, tool, *where.split()).strip())
    assert (folder / "mailcase").is_dir()
    check_installed(tmp_path)


def check_installed(home: Path) -> None:
    """Check that the command works, finds its servers, and has all its parts."""
    program = home / ".local" / "bin" / "mailcase"
    version = run(home, program, "--version")
    commit = run(ROOT, "git", "rev-parse", "--short=12", "HEAD").strip()
    assert re.match(rf"mailcase \S+ \(commit {commit}\)\n", version), version
    assert "MongoDB " in version  # it comes along
    assert "RabbitMQ " in version
    assert "Run all services" in run(home, program, "--help")
    for shell in ("bash", "zsh", "fish"):
        assert "mailcase" in run(home, program, "completion", shell)
    (home / "mailcase.toml").write_text(
        '[process.invoices]\n[[process.invoices.stage]]\nname = "new"\ninitial = true\n'
    )
    assert "is valid: 1 process" in run(home, program, "check")
