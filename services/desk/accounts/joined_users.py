"""Reading a proof and its user by one request, as every request of the desk needs both. Pure."""

from collections.abc import Mapping
from typing import Any

from schemas.stored import from_document
from schemas.stored.desk import User

_JOINED = "joined_user"


def with_user(query: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    """The pipeline of the documents that match, each with the user whose id is in `field`."""
    join = {"from": User.COLLECTION, "localField": field, "foreignField": "_id", "as": _JOINED}
    return [{"$match": dict(query)}, {"$lookup": join}]


def joined_user(document: Mapping[str, Any]) -> User | None:
    """The user of a document that `with_user` found; None if there is none."""
    for user in document[_JOINED]:
        return from_document(user, User)
    return None
