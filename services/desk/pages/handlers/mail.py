"""Files of a case, and the framed view of a mail's HTML."""

from starlette.responses import HTMLResponse, Response

from schemas.stored import Comment
from services.desk.http.problems import not_found
from services.desk.pages.headers import mail_headers
from services.desk.pages.mail_view import (
    MAX_PICTURE_BYTES,
    MAX_PICTURES_BYTES,
    SAFE_PICTURES,
    Picture,
    content_ids,
    count_remote,
    framed_document,
)
from services.desk.pages.visit import Visit


async def show_mail(visit: Visit) -> Response:
    """Shows the mail as a document for the sandboxed frame. `?images=true` loads remote
    pictures.
    """
    number = int(visit.request.path_params["number"])
    case = await visit.desk.visible_case(visit.principal, number)
    comment = await visit.desk.reader.comment(case.number, visit.request.path_params["comment"])
    if comment is None or comment.html is None:
        raise not_found("comment with HTML")
    with_images = visit.request.query_params.get("images") == "true"
    texts = visit.t.mail
    remote = count_remote(comment.html)
    bar = texts.withheld.form(remote).format(n=remote) if remote else ""
    document = framed_document(
        comment.html,
        await _pictures(visit, comment),
        title=f"{texts.title} {visit.desk.reference.write(number)}",
        language=visit.language,
        bar=texts.shown if with_images and remote else bar,
        remote_images=with_images,
    )
    return HTMLResponse(document, headers=dict(mail_headers(remote_images=with_images)))


async def _pictures(visit: Visit, comment: Comment) -> dict[str, Picture]:
    """The pictures that the HTML refers to, by Content-ID."""
    wanted = content_ids(comment.html or "")
    found: dict[str, Picture] = {}
    left = MAX_PICTURES_BYTES
    for file in comment.attachments:
        if file.content_id not in wanted or file.size > min(MAX_PICTURE_BYTES, left):
            continue
        if file.content_type in SAFE_PICTURES:
            left -= file.size
            content = await visit.desk.blobs.get(file.blob)
            found[file.content_id] = Picture(file.content_type, content)
    return found


async def attachment(visit: Visit) -> Response:
    """Sends a file, to be saved or shown in the browser."""
    inline = visit.request.query_params.get("inline") == "true"
    return await _file(visit, "download_attachment", inline=inline)


async def original(visit: Visit) -> Response:
    """Sends the exact bytes of a mail."""
    return await _file(visit, "download_original")


async def _file(visit: Visit, operation: str, *, inline: bool = False) -> Response:
    query = {"inline": True} if inline else {}
    response = await visit.api_response(operation, query=query, request=visit.request)
    if not isinstance(response, Response):
        raise TypeError(f"{operation} answers with a file")
    return response
