"""Comments, notes and files of a case."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from services.casework import actions
from services.casework.conversation import in_conversation_order
from services.desk.access import Permission
from services.desk.api.cases.cases import Cursor, Limit
from services.desk.api.cases.views import CommentView, comment_view
from services.desk.http.bodies import MAX_UPLOAD_BYTES, read_body
from services.desk.http.cursors import Place, after, read_cursor, write_cursor
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import ProblemError, not_found
from services.runtime.mail.file_names import safe_name

Editor = Annotated[str, Meta(min_length=1, max_length=64)]
UploadIds = Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=50)]
_MEDIA_TYPE = r"^[A-Za-z0-9!#$&^_.+-]{1,63}/[A-Za-z0-9!#$&^_.+-]{1,63}$"


class CommentsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of comments, oldest first."""

    limit: Limit = 50
    cursor: Cursor | None = None


class CommentList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of comments. `next` is the cursor of the next page, None on the last."""

    items: list[CommentView]
    next: str | None
    has_more: bool


class NoteRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A note for colleagues; it is never sent by mail. `uploads` are ids of files uploaded
    before. The caller's draft is removed; with `editor`, only if that editor saved it last."""

    text: Annotated[str, Meta(min_length=1, max_length=1_000_000)]
    uploads: UploadIds = []
    editor: Editor | None = None


class NoteResult(msgspec.Struct, frozen=True, kw_only=True):
    """The note as a comment, and the revision that the case is at."""

    comment: CommentView
    revision: int


class UploadQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The name of the file in the body, and its media type."""

    name: Annotated[str, Meta(min_length=1, max_length=1000)]
    content_type: Annotated[str, Meta(pattern=_MEDIA_TYPE)] = "application/octet-stream"


class UploadView(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is kept for two days until a note or answer uses it. Only its uploader can use
    `id`."""

    id: str
    name: str
    content_type: str
    size: int


async def list_comments(call: Call[CommentsQuery, None]) -> Reply:
    """The conversation of a case, oldest first; of equal times, an answer comes after its mail."""
    case = await call.visible_case()
    limit = call.query.limit
    queries: list[dict[str, Any]] = []
    if call.query.cursor is not None:
        place = read_cursor(call.query.cursor, "at")
        queries.append(after(place, "at", descending=False))
    found = await call.desk.reader.comments(case.number, queries, limit=limit + 1)
    page, has_more = found[:limit], len(found) > limit
    following = None
    if has_more:
        following = write_cursor(Place(sort="at", at=page[-1].at, id=page[-1].id))
    return Reply(
        CommentList(
            items=[comment_view(comment) for comment in in_conversation_order(page)],
            next=following,
            has_more=has_more,
        ),
        revision=case.revision,
    )


async def show_comment(call: Call[NoQuery, None]) -> Reply:
    """One comment of a case."""
    case = await call.visible_case()
    comment = await call.desk.reader.comment(case.number, call.path["comment"])
    if comment is None:
        raise not_found("comment")
    return Reply(comment_view(comment))


async def add_note(call: Call[NoQuery, NoteRequest]) -> Reply:
    """Add a note to a case."""
    case = await call.visible_case(Permission.WORK)
    files = await call.desk.uploads.attachments(call.principal.id, case.number, call.body.uploads)
    done = await call.desk.cases.act(
        case.number,
        actions.AddNote(text=call.body.text),
        call.principal.acting,
        expected=call.expected,
        files=files,
        seen=case,
    )
    call.desk.publish(done.written)
    await call.desk.uploads.mark_used(call.principal.id, case.number, call.body.uploads)
    editors = [call.body.editor] if call.body.editor else None
    await call.desk.drafts.remove(case.number, "note", call.principal.id, editors)
    comment = await call.desk.reader.comment(case.number, done.comment or "")
    if comment is None:  # it was moved to another case in the meantime
        raise not_found("comment")
    return Reply(
        NoteResult(comment=comment_view(comment), revision=done.case.revision),
        revision=done.case.revision,
        headers={"Location": f"/api/v1/cases/{case.number}/comments/{comment.id}"},
    )


async def upload(call: Call[UploadQuery, None]) -> Reply:
    """Upload a file, its content as the body, for a note or an answer of this case. Refused while
    too many files of the user wait for theirs.
    """
    case = await call.visible_case(Permission.WORK)
    if call.request is None:
        raise ValueError("an upload needs the request's own body")
    desk, user = call.desk, call.principal.account
    await desk.uploads.require_room(user, files=1)  # before the file is read
    async with desk.file_turns.of(user):
        content = await read_body(call.request, MAX_UPLOAD_BYTES)
        if not content:
            raise ProblemError(422, "empty-file", "the body is empty; send the file's content")
        kept = await desk.uploads.add(
            call.principal.id,
            case.number,
            safe_name(call.query.name),
            call.query.content_type,
            content,
            user=user,
        )
    view = UploadView(id=kept.id, name=kept.name, content_type=kept.content_type, size=kept.size)
    return Reply(view)


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/cases/{number}/comments",
        name="list_comments",
        summary="List the comments of a case",
        handler=list_comments,
        permission=Permission.READ,
        query=CommentsQuery,
        response=CommentList,
        refusals=(404,),
        tag="comments",
    ),
    Endpoint(
        method="GET",
        path="/cases/{number}/comments/{comment}",
        name="show_comment",
        summary="Show a comment",
        handler=show_comment,
        permission=Permission.READ,
        response=CommentView,
        refusals=(404,),
        tag="comments",
    ),
    Endpoint(
        method="POST",
        path="/cases/{number}/notes",
        name="add_note",
        summary="Add a note",
        handler=add_note,
        permission=Permission.WORK,
        body=NoteRequest,
        response=NoteResult,
        status=201,
        conditional=True,
        refusals=(404, 409),
        tag="comments",
    ),
    Endpoint(
        method="POST",
        path="/cases/{number}/uploads",
        name="upload_file",
        summary="Upload a file for a note or an answer",
        handler=upload,
        permission=Permission.WORK,
        query=UploadQuery,
        response=UploadView,
        status=201,
        refusals=(404, 409),
        tag="comments",
        upload=True,
    ),
)
