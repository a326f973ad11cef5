"""The actions that a person or a program may request for a case. Tagged structs, so that an API can
take them as JSON.
"""

from datetime import datetime

import msgspec


class _Action(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="action", forbid_unknown_fields=True
):
    """A requested action. Times are aware UTC."""


class Move(_Action, frozen=True, kw_only=True, tag="move"):
    """Move the case to `stage`; with `process`, to that process (default: its initial stage)."""

    stage: str | None = None
    process: str | None = None


class Assign(_Action, frozen=True, kw_only=True, tag="assign"):
    """Assign the case to a user (address) or a group (`group:NAME`); None removes the assignee."""

    to: str | None


class SetTitle(_Action, frozen=True, kw_only=True, tag="set-title"):
    """Give the case another title."""

    title: str


class SetDue(_Action, frozen=True, kw_only=True, tag="set-due"):
    """Set the due date; None removes it."""

    due_at: datetime | None


class SetFields(_Action, frozen=True, kw_only=True, tag="set-fields"):
    """Set fields by name, with values as a person types them. None removes a field."""

    fields: dict[str, str | bool | None]


class Edit(_Action, frozen=True, kw_only=True, tag="edit"):
    """Set title, due date and fields at once; UNSET leaves one as it is. None removes a due date or
    a field.
    """

    title: str | msgspec.UnsetType = msgspec.UNSET
    due_at: datetime | msgspec.UnsetType | None = msgspec.UNSET
    fields: dict[str, str | bool | None] = {}


class AddNote(_Action, frozen=True, kw_only=True, tag="add-note"):
    """Add a note; `files` are attachments already in the blob store."""

    text: str


class Close(_Action, frozen=True, kw_only=True, tag="close"):
    """Close the case at its stage."""


class Reopen(_Action, frozen=True, kw_only=True, tag="reopen"):
    """Open a closed case again at its stage."""


class MergeInto(_Action, frozen=True, kw_only=True, tag="merge"):
    """Merge the case into `target`. From now on its number leads there."""

    target: int


class Unmerge(_Action, frozen=True, kw_only=True, tag="unmerge"):
    """Undo the merge of the case."""


class SplitOff(_Action, frozen=True, kw_only=True, tag="split"):
    """Open a new case with some of the comments, by their ids."""

    comments: list[str]
    title: str | None = None


Action = (
    Move
    | Assign
    | SetTitle
    | SetDue
    | SetFields
    | Edit
    | AddNote
    | Close
    | Reopen
    | MergeInto
    | Unmerge
    | SplitOff
)
