"""Saved views: lists with their filters, each its owner's alone."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from schemas.stored.desk import SavedView
from services.desk.access import Permission
from services.desk.http.endpoint import Call, Endpoint, NoQuery, Reply
from services.desk.http.problems import not_found


class SavedViewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list under a name; `path` is that of its page, such as `/all?stage=approval`."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    path: Annotated[
        str,
        Meta(
            max_length=1000,
            pattern=r"^/(todo|mine|unassigned|all|closed|search)(\?[\x21-\x5b\x5d-\x7e]*)?$",
        ),
    ]


class SavedViewView(msgspec.Struct, frozen=True, kw_only=True):
    """A list under a name."""

    id: str
    name: str
    path: str


class SavedViewList(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's views, oldest first."""

    items: list[SavedViewView]


async def list_views(call: Call[NoQuery, None]) -> Reply:
    """The saved lists of the caller."""
    views = await call.desk.saved_views.of(call.principal.id)
    return Reply(SavedViewList(items=[_view(view) for view in views]))


async def add_view(call: Call[NoQuery, SavedViewRequest]) -> Reply:
    """Save a list under a name."""
    name = " ".join(call.body.name.split()) or call.body.path
    view = await call.desk.saved_views.add(
        call.principal.id, name, call.body.path, call.desk.clock(), call.new_id()[:16]
    )
    return Reply(_view(view))


async def remove_view(call: Call[NoQuery, None]) -> Reply:
    """Delete a saved list."""
    if not await call.desk.saved_views.remove(call.principal.id, call.path["view"]):
        raise not_found("view")
    return Reply(status=204)


def _view(view: SavedView) -> SavedViewView:
    return SavedViewView(id=view.id, name=view.name, path=view.path)


ROUTES: tuple[Endpoint[Any, Any], ...] = (
    Endpoint(
        method="GET",
        path="/views",
        name="list_views",
        summary="List saved views",
        handler=list_views,
        permission=Permission.READ,
        response=SavedViewList,
        tag="views",
    ),
    Endpoint(
        method="POST",
        path="/views",
        name="add_view",
        summary="Save a view",
        handler=add_view,
        permission=Permission.READ,
        body=SavedViewRequest,
        response=SavedViewView,
        status=201,
        tag="views",
    ),
    Endpoint(
        method="DELETE",
        path="/views/{view}",
        name="remove_view",
        summary="Delete a saved view",
        handler=remove_view,
        permission=Permission.READ,
        status=204,
        refusals=(404,),
        tag="views",
    ),
)
