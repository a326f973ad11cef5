"""The logs of services and servers: followed line by line, and kept within bounds."""

import gzip
from pathlib import Path

from services.cli.up.log_files import KEPT, MAX_AGE_S, ROTATE_AFTER_S, LogFiles


def test_only_complete_new_lines_are_read(tmp_path: Path) -> None:
    file = tmp_path / "router.log"
    file.write_text("old\n")
    with LogFiles(tmp_path, [file]) as logs, file.open("a") as log:
        log.write("first\nsec")
        log.flush()
        assert list(logs.new_lines()) == [("router", b"first")]
        log.write("ond\n")
        log.flush()
        assert list(logs.new_lines()) == [("router", b"second")]


def test_a_full_file_is_rotated_while_its_process_writes_and_no_line_is_missing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "router.log"
    seen: list[bytes] = []
    with LogFiles(tmp_path, [file], max_bytes=1000) as logs, file.open("ab", buffering=0) as log:
        for number in range(2000):
            log.write(b"line %d\n" % number)
            if number % 50 == 0:
                seen += [line for _, line in logs.new_lines()]
                logs.rotate()
        seen += [line for _, line in logs.new_lines()]
    assert seen == [b"line %d" % number for number in range(2000)]
    rotated = sorted(tmp_path.glob("router.log.*.gz"))
    assert len(rotated) == KEPT
    assert file.stat().st_size < 2000
    newest = gzip.decompress((tmp_path / "router.log.1.gz").read_bytes())
    assert newest.endswith(b"\n")
    assert newest.splitlines()[0] > gzip.decompress(rotated[-1].read_bytes()).splitlines()[0]


def test_files_are_rotated_weekly_and_removed_after_a_month(tmp_path: Path) -> None:
    file, server = tmp_path / "router.log", tmp_path / "broker.log"
    server.write_text("of a server, which nobody follows\n")
    now_s = 0.0
    with LogFiles(tmp_path, [file], clock=lambda: now_s) as logs:
        now_s = (tmp_path / ".rotated").stat().st_mtime
        file.write_text("line\n")
        logs.rotate()
        assert not list(tmp_path.glob("*.gz"))
        now_s += ROTATE_AFTER_S + 1
        logs.rotate()
        assert {path.name for path in tmp_path.glob("*.gz")} == {
            "router.log.1.gz",
            "broker.log.1.gz",
        }
        now_s += MAX_AGE_S + 1
        logs.rotate()
        assert not list(tmp_path.glob("*.gz"))


def test_a_file_that_someone_else_replaced_or_emptied_is_read_from_its_start(
    tmp_path: Path,
) -> None:
    file = tmp_path / "router.log"
    with LogFiles(tmp_path, [file]) as logs:
        file.write_text("a long first line\n")
        assert [line for _, line in logs.new_lines()] == [b"a long first line"]
        file.write_text("short\n")
        assert [line for _, line in logs.new_lines()] == [b"short"]
        new = tmp_path / "new"
        new.write_text("another file\n")
        new.replace(file)
        assert [line for _, line in logs.new_lines()] == [b"another file"]
