"""Responses with a file: safe headers, and ranges (RFC 9110 section 14)."""

import re
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from services.desk.http.problems import ProblemError
from services.runtime.store.blobs import Blobs

# The types that a browser may display; everything else is saved. Never SVG or HTML, which can run
# scripts.
_SHOWN = {
    "image/png": "image/png",
    "image/jpeg": "image/jpeg",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
    "application/pdf": "application/pdf",
    "text/plain": "text/plain; charset=utf-8",
    "text/csv": "text/plain; charset=utf-8",
}
_SAVED = {"message/rfc822": "message/rfc822"}  # runs nothing, and mail programs open it
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


async def file_response(
    blobs: Blobs,
    sha256: str,
    name: str,
    content_type: str,
    *,
    range_header: str | None = None,
    in_place: bool = False,
) -> Response:
    """A stored file, or the part that `range_header` requests. It is read while it is sent, so that
    many who read slowly do not fill the memory.

    Raises ProblemError 416 for a range outside the file, PermanentError if its content is missing.
    """
    size = await blobs.length(sha256)
    headers = file_headers(name, content_type, sha256, in_place=in_place)
    part = _part(range_header, size) if range_header else None
    first, last = part or (0, size - 1)
    headers["Content-Length"] = str(last + 1 - first)
    if part is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    if size == 0:
        return Response(b"", 200, headers)
    return StreamingResponse(
        blobs.slow_pieces(sha256, first, last), 206 if part is not None else 200, headers
    )


def file_headers(
    name: str, content_type: str, sha256: str, *, in_place: bool = False
) -> dict[str, str]:
    """With `in_place`, the browser shows a harmless type in a sandbox; by default, every file is
    saved.
    """
    shown = _SHOWN.get(content_type.partition(";")[0].strip().lower()) if in_place else None
    headers = {
        "Content-Type": shown or _SAVED.get(content_type, "application/octet-stream"),
        "Content-Disposition": disposition(name, in_place=shown is not None),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, max-age=3600",
        "Vary": "Cookie, Authorization",  # another user of the browser gets it from the desk
        "Accept-Ranges": "bytes",
        "ETag": f'"{sha256}"',
    }
    if shown == "application/pdf":
        # A sandbox would disable the browser's own viewer, which runs no scripts of the page.
        headers["Content-Security-Policy"] = "default-src 'none'; object-src 'self'"
    return headers


def disposition(name: str, *, in_place: bool) -> str:
    """The value of `Content-Disposition` (RFC 6266), with the name in ASCII, then the complete
    name.
    """
    plain = "".join(
        sign if sign.isascii() and sign.isprintable() and sign not in '"\\%' else "_"
        for sign in name
    )
    kind = "inline" if in_place else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _part(header: str, size: int) -> tuple[int, int] | None:
    """The first and last byte; None for headers that a server may ignore by RFC 9110: several
    ranges, or an unknown unit.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    begin, end = found.groups()
    first = int(begin) if begin else max(0, size - int(end))
    last = min(int(end), size - 1) if begin and end else size - 1
    if first >= size or first > last:
        raise ProblemError(
            416,
            "range-not-satisfiable",
            f"the file has {size} bytes; ask for a range within them",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return first, last
