"""Other versions of Python, each with the locked packages in its own environment."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.matrix.relocation import run_by_own_loader
from tests.matrix.suites import PLACE, Suite, UnpackError

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "dev.lock"
DEBIAN = {"3.13": "trixie", "3.14": "unstable"}  # where no interpreter of this version is installed


def with_packages(wanted: str) -> Path:
    """An interpreter of a version such as "3.13". Raises UnpackError."""
    place = PLACE / f"python-{wanted}"
    python, stamp = place / "bin" / "python", place / "ready"
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == lock:
        return python
    shutil.rmtree(place, ignore_errors=True)
    _create_environment(_interpreter(wanted), place)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    _run([*pip, "--require-hashes", "-r", str(LOCK)])
    _run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    stamp.write_text(lock)
    return python


def environment(wanted: str) -> dict[str, str]:
    """The variable by which an unpacked libmagic finds its own database (file(1))."""
    found = _interpreter(wanted)
    if not found.is_relative_to(PLACE):
        return {}
    return {"MAGIC": str(found.parents[1] / "lib" / "file" / "magic.mgc")}


def origin(wanted: str) -> str:
    """Where that interpreter is from, in words."""
    found = _interpreter(wanted)
    return f"Debian {DEBIAN[wanted]}" if found.is_relative_to(PLACE) else "this machine"


def _create_environment(interpreter: Path, place: Path) -> None:
    """Debian's `venv` takes pip from an absolute path, where an unpacked one is not."""
    wheels = sorted((interpreter.parents[1] / "share" / "python-wheels").glob("pip-*.whl"))
    if not wheels:
        _run([str(interpreter), "-m", "venv", str(place)])
        return
    _run([str(interpreter), "-m", "venv", "--without-pip", str(place)])
    pip = [str(place / "bin" / "python"), f"{wheels[-1]}/pip", "--quiet", "install", "--no-index"]
    _run([*pip, str(wheels[-1])])


def version(wanted: str) -> str:
    """The full version of that interpreter."""
    return _output(
        [str(with_packages(wanted)), "-c", "import platform; print(platform.python_version())"]
    )


def _interpreter(wanted: str) -> Path:
    for candidate in _candidates(wanted):
        if _is(candidate, wanted):
            return candidate
    if wanted in DEBIAN:
        return _from_debian(wanted)
    raise UnpackError(f"no Python {wanted} is here: install it, or uv")


def _candidates(wanted: str) -> Iterator[Path]:
    if (found := shutil.which(f"python{wanted}")) is not None:
        yield Path(found)
    yield from sorted(Path.home().glob(f".pyenv/versions/{wanted}.*/bin/python3"))
    if shutil.which("uv") is not None:
        yield Path(_output(["uv", "python", "find", wanted]) or "none")


def _from_debian(wanted: str) -> Path:
    suite = Suite(f"{DEBIAN[wanted]}", PLACE / "python")
    program = f"python{wanted}"
    start = suite.root / "usr" / "bin" / program
    if suite.unpack(program, f"{program}-venv", "libmagic1t64"):
        run_by_own_loader(suite, start)
    return start


def _is(python: Path, wanted: str) -> bool:
    return (
        _output([str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]) == wanted
    )


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UnpackError(f"{' '.join(command[:5])} failed: {done.stderr.strip()[-800:]}")
