"""Lines of `mailcase check` that need no server."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from services.cli.check import check_keys, check_secret_files
from tests.unit.sender.builders import settings


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), (b"", "holds no key"), (b"short\n", "shorter")])
def test_keys_of_no_use_are_a_line_with_the_mend(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "keys").write_bytes(content)
    (finding,) = check_keys(settings(tmp_path))
    assert not finding.ok
    assert said in finding.detail


def test_keys_that_sign_are_a_line_too(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"0123456789abcdef0123456789abcdef\n")
    (finding,) = check_keys(settings(tmp_path))
    assert finding.ok


def test_each_secret_file_that_everybody_can_read_is_a_warning_with_the_command_that_closes_it(tmp_path: Path) -> None:
    loaded = settings(tmp_path)
    [(name, smtp)] = loaded.smtp.items()
    opened, closed = tmp_path / "open.password", tmp_path / "closed.password"
    for file, mode in ((opened, 0o644), (closed, 0o640)):
        file.write_bytes(b"secret")
        file.chmod(mode)
    with_files = [replace(loaded, smtp={name: replace(smtp, password_file=file)}) for file in (opened, closed)]
    (warning,) = check_secret_files(with_files[0])
    assert warning.ok
    assert str(warning).startswith(f"warn  secret file: every user of this machine can read {opened}, the password of")
    assert f"chmod 600 {opened}" in warning.mend
    assert check_secret_files(with_files[1]) == []
    opened.unlink()
    assert check_secret_files(with_files[0]) == []  # whoever needs the file reports that it is missing
