"""Runs the scripts in `journeys` with Node.js and Chromium."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONG = 600.0
OLDEST_NODE = (20, 19)  # html-validate's; that of Playwright is 20.0


def require_programs() -> None:
    """Require Node.js 20.19, Chromium and the packages of package-lock.json.

    If one is missing, the test is skipped; with CI=true it fails.
    """
    missing = [name for name in ("node", "chromium") if shutil.which(name) is None]
    if "node" not in missing:
        found = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)
        major, minor = found.stdout.strip("v\n").split(".")[:2]
        if (int(major), int(minor)) < OLDEST_NODE:
            missing.append("node 20.19 or later")
    if not (HERE / "node_modules" / "playwright-core").is_dir():
        missing.append("tests/browser/node_modules (make setup)")
    if not missing:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"missing: {', '.join(missing)}", pytrace=False)
    pytest.skip(f"missing: {', '.join(missing)}")  # a developer's other tests do not fail


async def run_script(script: str, **environment: str) -> None:
    """Run a script to its end. Raises AssertionError with its output if it fails."""
    process = await asyncio.create_subprocess_exec(
        "node",
        f"journeys/{script}",
        cwd=HERE,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(LONG):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
