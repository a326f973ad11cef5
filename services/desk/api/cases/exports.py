"""Exports: every visible case, then what changed since, as lines of JSON."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import StreamingResponse
from starlette.types import Send

from services.desk.access import Permission, Principal
from services.desk.api.cases.replies import case_views
from services.desk.api.cases.views import CaseSummary
from services.desk.http.cursors import Place, after, read_cursor, write_cursor
from services.desk.http.endpoint import Call, Endpoint
from services.runtime.logs import get_logger

log = get_logger(__name__)

PAGE = 200
# A write that began earlier may be committed later. Younger changes are therefore left to the next
# export.
IN_FLIGHT = timedelta(seconds=15)
NDJSON = "application/x-ndjson"


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`cursor` is that of the last line of an earlier export: only cases changed since then
    follow.
    """

    cursor: Annotated[str, Meta(max_length=512)] | None = None


class ExportLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line: a case as it is now, or a tombstone for one that the caller may no longer see.

    `cursor` resumes after this line. A case that changes while the export runs appears again later.
    """

    cursor: str
    number: int
    case: CaseSummary | None = None
    gone: bool = False


async def export_cases(call: Call[ExportQuery, None]) -> StreamingResponse:
    """All cases that the caller may see, in the order of their last change, one JSON object a
    line.
    """
    place = read_cursor(call.query.cursor, "export") if call.query.cursor else None
    await call.audit("exported", "cases")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return _Export(_lines(call, place), headers=headers, media_type=NDJSON)


class _AccessEndedError(Exception):
    """The caller may not see cases anymore."""


class _Export(StreamingResponse):
    """The connection is cut if the caller's access ends, so that a part does not look complete."""

    async def stream_response(self, send: Send) -> None:
        with contextlib.suppress(_AccessEndedError):
            await super().stream_response(send)


async def _reader(call: Call[ExportQuery, None]) -> Principal:
    """Who reads the export, with their present access. Raises _AccessEndedError."""
    now = await call.principal_now()
    if now is None or not call.desk.access.may(now, Permission.READ):
        log.info("export_ended", actor=call.principal.id)
        raise _AccessEndedError
    return now


async def _lines(call: Call[ExportQuery, None], place: Place | None) -> AsyncIterator[bytes]:
    """Tombstones of cases that the caller may no longer see, then the cases that changed after
    `place`.

    A first export has no tombstones, because the caller has no earlier lines. A case that the
    caller could never see has no tombstone either. Raises _AccessEndedError.
    """
    desk, views = call.desk, case_views(call)
    encoder = msgspec.json.Encoder()
    if place is not None and place.at is not None:
        async for number in _moved_out(call, place.at - IN_FLIGHT):
            tombstone = ExportLine(cursor=write_cursor(place), number=number, gone=True)
            yield encoder.encode(tombstone) + b"\n"
    settled = {"updated_at": {"$lte": desk.clock() - IN_FLIGHT}}
    while True:
        chosen: list[dict[str, Any]] = [
            desk.access.filter(await _reader(call)),
            {"status": {"$in": ["open", "closed"]}},  # so that an index is used
            settled,
        ]
        behind = [after(place, "updated_at", descending=False)] if place is not None else []
        page = await desk.reader.cases([*chosen, *behind], sort=("updated_at", "_id"), limit=PAGE)
        for case in page:
            place = Place(sort="export", at=case.updated_at, id=case.number)
            line = ExportLine(
                cursor=write_cursor(place), number=case.number, case=views.summary(case)
            )
            yield encoder.encode(line) + b"\n"
        if len(page) < PAGE:
            return
        await asyncio.sleep(0)  # other requests go first


async def _moved_out(call: Call[ExportQuery, None], since: datetime) -> AsyncIterator[int]:
    """The cases that left the caller's processes since then. Raises _AccessEndedError."""
    desk, reader = call.desk, call.principal
    moved = await desk.reader.moved_out(desk.access.processes(reader), since)
    for position, number in enumerate(moved):
        if position % PAGE == 0:
            reader = await _reader(call)
        if await desk.reader.case(number, desk.access.filter(reader)) is None:
            yield number


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/exports/cases",
        name="export_cases",
        summary="Export cases as NDJSON",
        handler=export_cases,
        permission=Permission.READ,
        query=ExportQuery,
        media=NDJSON,
        tag="exports",
    ),
)
