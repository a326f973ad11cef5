"""What `make matrix` runs: the test files, the programs that replace the installed ones, and the
interpreter.
"""

import json
import os
import platform
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.matrix import interpreters, unpacked
from tests.matrix.suites import PLACE
from tests.versions import VARIABLE

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.json")
FETCHER = "tests/integration/fetcher"
WHOLE_PATH = "whole-path"
# The tests without servers, in runs of some minutes each.
UNIT = {
    "services": ("fetcher", "router", "sender"),
    "cases": ("casework", "schemas"),
    "fields": ("extractor",),
    "case-writer": ("case_writer",),
    "runtime": ("runtime", "deploy", "matrix", "benchmarks"),
    "commands": ("cli",),
    "desk": ("desk",),
}
TESTS = {
    "broker": ["tests/integration/broker", f"{FETCHER}/test_leases.py"],
    "e2e": ["tests/e2e"],
    "faults": ["tests/faults"],
    WHOLE_PATH: ["tests/matrix/test_whole_path.py"],
    "mail": [f"{FETCHER}/test_{name}.py" for name in ("imap", "pop3", "oauth2")],
    **{group: [f"tests/unit/{part}" for part in parts] for group, parts in UNIT.items()},
    "contract": ["tests/contract"],
}
INSTALLED = "installed"
RELEASES = (INSTALLED, *unpacked.SUITES)
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True)
class Result:
    """One run: the product, its source (a suite, or `installed`), and the result."""

    product: str
    source: str
    tests: str
    versions: dict[str, str]
    passed: int
    failed: int
    skipped: int
    seconds: int
    at: str
    figures: list[str]
    origin: str = ""  # of the interpreter

    @property
    def key(self) -> tuple[str, str, str]:
        return self.product, self.source, self.tests


def names() -> list[str]:
    """The name of each run: PRODUCT/SOURCE/TESTS."""
    rabbitmq = [
        f"rabbitmq/{release}/{tests}"
        for release in RELEASES
        for tests in ("broker", "e2e", "faults", WHOLE_PATH)
    ]
    dovecot = [f"dovecot/{release}/mail" for release in RELEASES]
    return (
        rabbitmq
        + dovecot
        + [f"python/{version}/{tests}" for version in PYTHONS for tests in (*UNIT, "contract")]
    )


def run(name: str) -> Result:
    """Run the tests. Raises UnpackError if the programs are not available."""
    product, source, tests = name.split("/")
    PLACE.mkdir(parents=True, exist_ok=True)
    report, versions = PLACE / "report.xml", PLACE / "versions.jsonl"
    for file in (report, versions):
        file.unlink(missing_ok=True)
    env = {**os.environ, VARIABLE: str(versions), **_programs(product, source)}
    python = interpreters.with_packages(source) if product == "python" else Path(sys.executable)
    options = ["-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    command = [str(python), "-m", "pytest", *options, f"--junitxml={report}", *TESTS[tests]]
    command += ["-m", "slow"] if tests == WHOLE_PATH else []
    subprocess.run(command, cwd=ROOT, env=env, check=False)
    return _result(product, source, tests, report, versions)


def _programs(product: str, source: str) -> dict[str, str]:
    """The environment variable with the programs that replace the installed ones."""
    if product == "python" or source == INSTALLED:
        return {}
    folder = unpacked.broker_programs if product == "rabbitmq" else unpacked.mail_programs
    return {"MAILCASE_PROGRAMS": str(folder(source))}


def _result(product: str, source: str, tests: str, report: Path, versions: Path) -> Result:
    root = ET.parse(report).getroot()
    counts = {
        name: sum(int(suite.get(name, 0)) for suite in root)
        for name in ("tests", "failures", "errors", "skipped")
    }
    failed = counts["failures"] + counts["errors"]
    return Result(
        product=product,
        source=source,
        tests=tests,
        versions=_versions(product, source, versions),
        passed=counts["tests"] - failed - counts["skipped"],
        failed=failed,
        skipped=counts["skipped"],
        seconds=round(sum(float(suite.get("time", 0)) for suite in root)),
        at=datetime.now(UTC).strftime("%Y-%m-%d"),
        figures=[
            str(figure.get("value"))
            for figure in root.iter("property")
            if figure.get("name") == "figure"
        ],
        origin=interpreters.origin(source) if product == "python" else "",
    )


def _versions(product: str, source: str, file: Path) -> dict[str, str]:
    """The versions that the sessions recorded; they must agree."""
    if not file.exists():
        return {
            "Python": interpreters.version(source)
            if product == "python"
            else platform.python_version()
        }
    noted = [json.loads(line) for line in file.read_text().splitlines()]
    found: dict[str, str] = noted[0]
    if any(versions != found for versions in noted):
        raise AssertionError(f"the servers of one run had different versions: {noted}")
    return found


def recorded() -> list[Result]:
    """The latest result of each run."""
    return [Result(**load) for load in json.loads(RESULTS.read_text())] if RESULTS.exists() else []


def record(result: Result) -> None:
    kept = {mail.key: mail for mail in recorded()} | {result.key: result}
    ordered = sorted(kept.values(), key=lambda one: one.key)
    RESULTS.write_text(
        json.dumps([asdict(kept_result) for kept_result in ordered], indent=1) + "\n"
    )
