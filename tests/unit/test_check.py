"""Lines of `mailcase check` that need no server."""

from pathlib import Path

import pytest

from services.cli.check import check_keys
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
