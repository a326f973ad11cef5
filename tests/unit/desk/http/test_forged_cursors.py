"""Clients can write any cursor: its content is refused or harmless."""

import base64

import msgspec
import pytest

from services.desk.http.cursors import after, read_cursor
from services.desk.http.problems import ProblemError


def forged(*fields: object) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(fields)).decode().rstrip("=")


@pytest.mark.parametrize(
    "fields",
    [
        ("updated", 1, "0001-01-01T00:00:00+14:00"),
        ("updated", 1, "9999-12-31T23:59:59-14:00"),
        ("updated", 1, "2026-11-29T12:00:00"),
        ("updated", {"$gt": ""}, None),
        ("updated", 1, {"$gt": 0}),
        ("updated", 2**60, None),
        ("updated", "x" * 201, None),
        ("due", 1, None),
    ],
)
def test_a_forged_cursor_is_refused(fields: tuple[object, ...]) -> None:
    with pytest.raises(ProblemError) as refused:
        after(read_cursor(forged(*fields), "updated"), "updated_at", descending=True)
    assert refused.value.problem.status == 400
