"""The software bill of materials: CycloneDX, of the packages that the image installs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def bill_of_materials(root: Path = ROOT) -> dict[str, Any]:
    """CycloneDX 1.6, validated against its schema, without times and random ids.

    It lists each line of requirements/runtime.lock with the hashes of its files. Packages for
    other systems are in it, too, as the lock file serves them all.
    """
    program = Path(sys.executable).with_name("cyclonedx-py")
    options = ["--pyproject", "pyproject.toml", "--output-reproducible", "--validate"]
    done = subprocess.run(
        # The tool warns that a lock file does not say which package needs which.
        [
            sys.executable,
            "-W",
            "ignore",
            program,
            "requirements",
            *options,
            "requirements/runtime.lock",
        ],
        cwd=root,
        capture_output=True,
        check=True,
    )
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill
