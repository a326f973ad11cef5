"""Records which versions of the servers a test session used, for `make matrix`.

The fixtures that start servers call `note_versions`. Without MAILCASE_VERSIONS_FILE, nothing is
recorded.
"""

import json
import os
import platform
import subprocess
from pathlib import Path

from deploy.local.programs import find_programs
from deploy.local.servers.private import PrivateServers

VARIABLE = "MAILCASE_VERSIONS_FILE"
ASKED = 'io:format("~s (Erlang ~s)", [rabbit_misc:version(), erlang:system_info(otp_release)]).'


def note_versions(servers: PrivateServers) -> None:
    """Append a line of JSON with the version of each product to MAILCASE_VERSIONS_FILE.

    RabbitMQ and MongoDB are asked while they run.
    """
    file = os.environ.get(VARIABLE)
    if not file:
        return
    versions = {
        "Python": platform.python_version(),
        "RabbitMQ": servers.broker.ctl("eval", ASKED).strip().removesuffix("ok").strip(),
        "Dovecot": _dovecot(),
    }
    with servers.store.members[0].client() as client:
        versions["MongoDB"] = str(client.server_info()["version"])
    with Path(file).open("a") as opened:
        opened.write(json.dumps(versions) + "\n")


def _dovecot() -> str:
    command = [find_programs(["dovecot"])["dovecot"], "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
