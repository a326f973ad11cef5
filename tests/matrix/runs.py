"""Runs tests with other programs or another interpreter, and records their results."""

import json
import os
import platform
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.cluster.network import permitted
from tests.matrix import interpreters, unpacked
from tests.matrix.catalog import INSTALLED, SLOW, TESTS
from tests.matrix.suites import PLACE, UnpackError
from tests.versions import VARIABLE

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.json")


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


def run(name: str) -> Result:
    """Run the tests. Raises UnpackError if this machine cannot run them."""
    product, source, tests = name.split("/")
    if product == "cluster" and (reason := permitted()):
        raise UnpackError(reason)
    PLACE.mkdir(parents=True, exist_ok=True)
    report, versions = PLACE / "report.xml", PLACE / "versions.jsonl"
    for file in (report, versions):
        file.unlink(missing_ok=True)
    env = {**os.environ, VARIABLE: str(versions), **_programs(product, source)}
    python = interpreters.with_packages(source) if product == "python" else Path(sys.executable)
    # record_property needs the older form of the report
    reporting = [f"--junitxml={report}", "-o", "junit_family=xunit1"]
    options = _options(product, source, tests)
    command = [str(python), "-m", "pytest", "-q", *reporting, *options, *TESTS[tests]]
    subprocess.run(command, cwd=ROOT, env=env, check=False)
    return _result(product, source, tests, report, versions)


def _options(product: str, source: str, tests: str) -> list[str]:
    if product == "cluster":
        return ["-m", "slow", "-k", source, "-s"]
    if tests in SLOW:
        return ["-m", "slow", "--durations=0", "--durations-min=1"]
    return ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]


def _programs(product: str, source: str) -> dict[str, str]:
    """The environment variables that replace installed programs, or what they read."""
    if product == "python":
        return interpreters.environment(source)
    if product == "cluster" or source == INSTALLED:
        return {}  # a cluster chooses its programs itself
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
