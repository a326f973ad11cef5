"""Records which versions of the servers a test session used, for `make matrix`.

The fixtures that start servers call `note_versions`. Without MAILCASE_VERSIONS_FILE, nothing is
recorded.
"""

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from deploy.local.programs import find_programs
from deploy.local.servers.private import PrivateServers

VARIABLE = "MAILCASE_VERSIONS_FILE"
ASKED = 'io:format("~s (Erlang ~s)", [rabbit_misc:version(), erlang:system_info(otp_release)]).'


def note_versions(servers: PrivateServers) -> None:
    """Append a line of JSON with the version of each product to MAILCASE_VERSIONS_FILE.

    RabbitMQ and MongoDB are asked while they run.
    """
    if VARIABLE not in os.environ:
        return
    broker = servers.broker.ctl("eval", ASKED).strip().removesuffix("ok").strip()
    with servers.store.members[0].client() as client:
        note({"RabbitMQ": broker, "Dovecot": _dovecot(), **python_and_store(client)})


def note(versions: dict[str, str]) -> None:
    """Append the versions by product to MAILCASE_VERSIONS_FILE, if it is set."""
    if file := os.environ.get(VARIABLE):
        with Path(file).open("a") as opened:
            opened.write(json.dumps(versions) + "\n")


def python_and_store(client: MongoClient[dict[str, Any]]) -> dict[str, str]:
    """The versions of Python and of the MongoDB that the client is connected to."""
    return {
        "Python": platform.python_version(),
        "MongoDB": str(client.server_info()["version"]),
    }


def _dovecot() -> str:
    command = [find_programs(["dovecot"])["dovecot"], "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
