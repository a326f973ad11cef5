"""The output of `mailcase --version`: the version, its commit if known, and the installed
servers.
"""

import json
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from deploy.local.errors import LocalServerError
from deploy.local.programs import find_programs

TIMEOUT_S = 5.0
_ROOT = Path(__file__).parents[2]
_BUILT_FROM = Path(__file__).with_name("commit.txt")  # setup.py writes it into wheels and sdists


def version_text() -> str:
    """Several lines; the first is about the program."""
    commit = _commit()
    first = f"mailcase {version('mailcase')}" + (f" (commit {commit})" if commit else "")
    servers = ", ".join(filter(None, (_rabbitmq(), _mongod())))
    lines = [first, f"Python {platform.python_version()}"]
    return "\n".join([*lines, f"servers for `mailcase up`: {servers or 'none are installed'}"])


def _commit() -> str:
    """The commit of the running checkout, or of the one that this was built or installed from;
    empty if unknown.
    """
    if (_ROOT / ".git").exists():
        return _output(["git", "-C", str(_ROOT), "rev-parse", "--short=12", "HEAD"])
    if _BUILT_FROM.exists():
        return _BUILT_FROM.read_text(encoding="ascii").strip()
    try:
        text = distribution("mailcase").read_text("direct_url.json")  # PEP 610
        return str(json.loads(text or "{}")["vcs_info"]["commit_id"])[:12]
    except (PackageNotFoundError, ValueError, KeyError, TypeError):
        return ""


def _rabbitmq() -> str:
    """The version of RabbitMQ, from the folder of its programs, because running them takes
    seconds.
    """
    program = _program("rabbitmq-server")
    if program is None:
        return ""
    releases = [program.resolve().parent, *program.parents[1].glob("lib/rabbitmq_server-*")]
    names = " ".join(str(place) for place in releases)
    found = re.search(r"rabbitmq_server-([0-9][0-9.]*)", names)
    return f"RabbitMQ {found[1] if found else 'of unknown version'}"


def _mongod() -> str:
    program = _program("mongod")
    if program is None:
        return ""
    found = re.search(r"db version v(\S+)", _output([str(program), "--version"]))
    return f"MongoDB {found[1] if found else 'of unknown version'}"


def _program(name: str) -> Path | None:
    try:
        return Path(find_programs([name])[name])
    except LocalServerError:
        return None


def _output(command: list[str]) -> str:
    """Standard output of a program of this machine; empty if it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments, without a shell
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
