"""Attachments, the HTML of mails and their exact bytes."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from services.desk.access import Permission
from services.desk.http.downloads import file_response
from services.desk.http.endpoint import Call, Endpoint, NoQuery
from services.desk.http.problems import not_found

HTML_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'self'"
)


class AttachmentQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`inline` shows pictures, PDF and plain text in the browser instead of saving them."""

    inline: Annotated[
        bool, Meta(description="show the file in the browser if its type is harmless")
    ] = False


async def download_attachment(call: Call[AttachmentQuery, None]) -> Response:
    """A file of one of the case's comments, whole or a range of it."""
    case = await call.visible_case()
    sha256 = call.path["sha256"]
    comment = await call.desk.reader.comment_with_file(case.number, sha256)
    if comment is None:
        raise not_found("attachment")
    file = next(file for file in comment.attachments if file.sha256 == sha256)
    await call.audit("attachment-downloaded", f"case {case.number} {sha256}")
    return await file_response(
        call.desk.blobs,
        file.blob,
        file.name,
        file.content_type,
        range_header=call.request.headers.get("range") if call.request else None,
        in_place=call.query.inline,
    )


async def show_html(call: Call[NoQuery, None]) -> Response:
    """The mail's HTML, made safe, under a policy that runs no script and loads nothing from
    elsewhere.
    """
    case = await call.visible_case()
    comment = await call.desk.reader.comment(case.number, call.path["comment"])
    if comment is None or comment.html is None:
        raise not_found("comment with HTML")
    headers = {
        "Content-Security-Policy": HTML_POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(comment.html, headers=headers, media_type="text/html")


async def download_original(call: Call[NoQuery, None]) -> Response:
    """The exact bytes of a mail, as received."""
    case = await call.visible_case()
    comment = await call.desk.reader.comment(case.number, call.path["comment"])
    if comment is None or comment.original is None:
        raise not_found("comment with its original mail")
    await call.audit("original-downloaded", f"case {case.number} {comment.id}")
    return await file_response(
        call.desk.blobs, comment.original, f"case-{case.number}.eml", "message/rfc822"
    )


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/cases/{number}/attachments/{sha256}",
        name="download_attachment",
        summary="Download a file of a case",
        handler=download_attachment,
        permission=Permission.READ,
        query=AttachmentQuery,
        media="application/octet-stream",
        refusals=(404, 206, 416),
        tag="files",
    ),
    Endpoint(
        method="GET",
        path="/cases/{number}/comments/{comment}/html",
        name="show_html",
        summary="Show the HTML of a mail, made safe",
        handler=show_html,
        permission=Permission.READ,
        media="text/html",
        refusals=(404,),
        tag="files",
    ),
    Endpoint(
        method="GET",
        path="/cases/{number}/comments/{comment}/original",
        name="download_original",
        summary="Download the exact bytes of a mail",
        handler=download_original,
        permission=Permission.READ,
        media="message/rfc822",
        refusals=(404,),
        tag="files",
    ),
)
