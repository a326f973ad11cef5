"""Lines of `mailcase check` that need no server."""

from pathlib import Path

import pytest

from services.cli.check import Finding, check_keys, with_file_warning
from tests.unit.sender.builders import settings


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b"", "contains no key"), (b"short\n", "shorter")]
)
def test_unusable_keys_are_reported_with_a_hint(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "keys").write_bytes(content)
    (finding,) = check_keys(settings(tmp_path))
    assert not finding.ok
    assert said in finding.detail


def test_keys_that_sign_are_a_line_too(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"0123456789abcdef0123456789abcdef\n")
    (finding,) = check_keys(settings(tmp_path))
    assert finding.ok


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o644, True), (0o604, True), (0o640, False), (0o400, False)]
)
def test_a_secret_that_everybody_can_read_is_a_warning_with_the_command_that_closes_it(
    tmp_path: Path, mode: int, warned: bool
) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"0123456789abcdef0123456789abcdef\n")
    file.chmod(mode)
    (finding,) = check_keys(settings(tmp_path))
    assert finding.ok
    if warned:
        assert str(finding).startswith("warn  keys: ")
        assert f"every user of this machine can read {file}; chmod 600 {file}" in str(finding)
    else:
        assert str(finding).startswith("ok    keys: ")


def test_a_failure_keeps_its_own_hint_before_that_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    failed = Finding(
        "mailbox invoices", ok=False, detail="log-in refused", hint="check the password"
    )
    assert with_file_warning(failed, file) == failed  # it is not there, which its own line says
    file.touch(0o644)
    line = str(with_file_warning(failed, file))
    assert line.startswith(
        "FAIL  mailbox invoices: log-in refused; every user of this machine can read "
    )
    assert "; check the password; chmod 600 " in line
