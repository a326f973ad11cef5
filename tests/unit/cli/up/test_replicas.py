"""How many replicas `mailcase up` runs: by the cores that it may use, the settings and the
option.
"""

import os
import re
from pathlib import Path

import pytest

from services.cli.up.cores import usable_cores
from services.cli.up.replicas import described, replicas_of
from services.runtime.settings import Up

DOCS = Path(__file__).parents[4] / "docs"
TABLE = re.compile(
    r"^  \| (\d+)(?: to (\d+)| or more)? \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.M
)
SERVICES = ("router", "case-writer", "sender", "extractor")


def limited(folder: Path, groups: str, files: dict[str, str]) -> int:
    """The usable cores on a machine with 16, in these cgroups with these files."""
    own = folder / "cgroup"
    own.write_text(groups)
    for name, content in files.items():
        file = folder / "fs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return usable_cores(own, folder / "fs")


@pytest.fixture
def _sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))


@pytest.mark.usefixtures("_sixteen_cores")
class TestCores:
    def test_without_a_quota_they_are_those_of_the_affinity_mask(self, tmp_path: Path) -> None:
        assert limited(tmp_path, "0::/a/b\n", {"a/b/cpu.max": "max 100000\n"}) == 16
        assert usable_cores(tmp_path / "none", tmp_path / "none") == 16

    def test_a_quota_of_any_cgroup_above_counts_and_is_rounded_down(self, tmp_path: Path) -> None:
        quotas = {"cpu.max": "max 100000", "a/cpu.max": "350000 100000", "a/b/cpu.max": "5 1"}
        assert limited(tmp_path, "0::/a/b\n", quotas) == 3
        assert limited(tmp_path, "0::/\n", {"cpu.max": "250000 100000\n"}) == 2

    def test_less_than_a_core_is_one(self, tmp_path: Path) -> None:
        assert limited(tmp_path, "0::/\n", {"cpu.max": "20000 100000\n"}) == 1

    def test_the_older_cgroups_count_too(self, tmp_path: Path) -> None:
        groups = "5:cpu,cpuacct:/job\n4:memory:/job\n0::/\n"
        for quota, cores in (("400000\n", 4), ("-1\n", 16)):
            files = {
                "cpu/job/cpu.cfs_quota_us": quota,
                "cpu/job/cpu.cfs_period_us": "100000\n",
            }
            assert limited(tmp_path, groups, files) == cores

    @pytest.mark.parametrize("content", ["", "max", "0 0", "much 100000", "100000 0"])
    def test_a_file_that_makes_no_sense_is_no_quota(self, tmp_path: Path, content: str) -> None:
        assert limited(tmp_path, "0::/\n", {"cpu.max": content}) == 16


class TestReplicas:
    def test_they_are_those_of_the_page_for_operators(self) -> None:
        rows = [
            (int(first), int(last or first), [*map(int, counts)])
            for first, last, *counts in TABLE.findall((DOCS / "operating.md").read_text())
        ]
        assert (rows[0][0], len(rows)) == (1, 4)
        for (first, last, counts), after in zip(rows, [*rows[1:], (65, 64, [])], strict=True):
            assert after[0] == 65 or after[0] == last + 1
            for cores in range(first, after[0]):
                assert [replicas_of(cores, Up(), None)[name] for name in SERVICES] == counts

    def test_the_option_goes_before_the_settings_and_they_go_before_the_cores(self) -> None:
        settings = Up(case_writers=7, senders=2)
        expected = {"router": 2, "case-writer": 7, "sender": 2, "extractor": 2}
        assert replicas_of(16, settings, None) == expected
        assert replicas_of(16, settings, 3) == dict.fromkeys(SERVICES, 3)

    def test_they_are_described_on_one_line(self) -> None:
        assert described(1, {"router": 1, "case-writer": 1}) == "1 core: 1 router, 1 case writer"
        assert described(4, {"case-writer": 2, "sender": 1}) == "4 cores: 2 case writers, 1 sender"
