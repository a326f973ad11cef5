"""Opaque cursors of lists: where the next page begins. Pure.

A cursor contains the sort order and the place of the last item. It grants no access: the query of
the next page has the same filter as that of the first.
"""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from services.desk.http.problems import FieldError, ProblemError

MAX_CURSOR_CHARS = 512


_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Id = Annotated[str, msgspec.Meta(max_length=200)]


class Place(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The last item of a page: the time by which it is sorted (None if the order is by id), and its
    id, which orders items with equal times.
    """

    sort: str
    id: _Number | _Id
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


def write_cursor(place: Place) -> str:
    """The cursor in a form that is valid in URLs."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")


def read_cursor(text: str, sort: str) -> Place:
    """The place in a cursor. Raises ProblemError 400 if it is not a cursor of this list."""
    try:
        padded = text + "=" * (-len(text) % 4)
        place = msgspec.msgpack.decode(base64.urlsafe_b64decode(padded), type=Place)
        if place.at is not None:
            place.at.astimezone(UTC)
    # OverflowError: with its offset, the time is beyond the end of the calendar
    except (ValueError, OverflowError, binascii.Error, msgspec.MsgspecError) as error:
        raise _invalid() from error
    if place.sort != sort or len(text) > MAX_CURSOR_CHARS:
        raise _invalid()
    return place


def after(place: Place, field: str, *, descending: bool, id_field: str = "_id") -> dict[str, Any]:
    """The filter for what follows `place` in the order of `field` and then of the id, both in one
    direction.
    """
    operator = "$lt" if descending else "$gt"
    if place.at is None or field == id_field:
        return {id_field: {operator: place.id}}
    at = place.at.astimezone(UTC)
    return {"$or": [{field: {operator: at}}, {field: at, id_field: {operator: place.id}}]}


def _invalid() -> ProblemError:
    error = FieldError(pointer="?cursor", detail="this is not a cursor of this list")
    return ProblemError(
        400,
        "invalid-cursor",
        "the cursor does not belong to this list; begin without a cursor",
        errors=[error],
    )
