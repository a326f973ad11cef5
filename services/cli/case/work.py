"""`mailcase case move|assign|note|set|title|due|close|reopen|merge|unmerge|split`: one action
each.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from msgspec import structs

from schemas.stored import Attachment, Comment, to_document
from services.casework import actions
from services.casework.results import Done
from services.cli.case.context import AsUser, acting, opened_repository
from services.cli.terminal.files import media_type, read_bytes, read_text
from services.cli.terminal.options import Attach, CaseNumber, TextFile, coming_moment, reject_blank
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded, printable
from services.runtime.errors import Mistake, SettingsError
from services.runtime.settings import Settings
from services.runtime.store.archived_blobs import kept_blobs
from services.runtime.store.mongo import Store

Revision = Annotated[
    int | None,
    Parameter(
        name="--revision",
        help="Act only if the case is still at this revision.",
    ),
]
Stage = Annotated[str, Parameter(help="The stage to enter.")]
User = Annotated[str | None, Parameter(help="A user's address, or group:NAME.")]
Nobody = Annotated[bool, Parameter(name="--nobody", negative="", help="Remove the assignee.")]
ToMe = Annotated[
    bool, Parameter(name="--to-me", negative="", help="Assign the case to the user of --as.")
]
Fields = Annotated[list[str], Parameter(help="field=value for each; field= removes the value.")]
ToProcess = Annotated[
    str | None,
    Parameter(
        name="--process", help="Move to this process, to its initial stage.", validator=reject_blank
    ),
]
CommentIds = Annotated[
    list[str], Parameter(name="--comment", negative="", help="A comment's id; can be repeated.")
]
Title = Annotated[
    str | None, Parameter(name="--title", help="The new case's title.", validator=reject_blank)
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class WorkOptions:
    """The options of every action."""

    revision: Revision = None
    as_user: AsUser = None
    config: Config = DEFAULT_CONFIG
    json: Json = False


DEFAULTS = WorkOptions()


def move(
    number: CaseNumber,
    stage: Annotated[str | None, Parameter(help="The stage to enter.")] = None,
    /,
    *,
    process: ToProcess = None,
    options: WorkOptions = DEFAULTS,
) -> None:
    """Move a case to a stage of its process, or to another process."""
    if stage is None and process is None:
        raise SettingsError(
            [
                Mistake(
                    "case move",
                    "needs a stage or --process",
                    "give the stage, or --process with another process",
                )
            ]
        )
    wish = actions.Move(stage=stage, process=process)
    _act(number, wish, options)


def assign(
    number: CaseNumber,
    user: User = None,
    /,
    *,
    to_me: ToMe = False,
    nobody: Nobody = False,
    options: WorkOptions = DEFAULTS,
) -> None:
    """Assign a case to a user or a group, or remove the assignee."""
    if (user is not None) + to_me + nobody != 1:
        hint = "give a user, or --to-me, or --nobody"
        raise SettingsError([Mistake("case assign", "needs exactly one assignee", hint)])
    if to_me and options.as_user is None:
        hint = "add --as with your address, or set the variable MAILCASE_AS"
        raise SettingsError([Mistake("--to-me", "does not say who you are", hint)])
    wish = actions.Assign(to=options.as_user if to_me else user)
    _act(number, wish, options)


def note(
    number: CaseNumber,
    /,
    *,
    text_file: TextFile,
    attach: Attach = None,
    options: WorkOptions = DEFAULTS,
) -> None:
    """Add a note, with files if there are any. It is never sent."""
    files = [(path, read_bytes(path)) for path in attach or ()]
    wish = actions.AddNote(text=read_text(text_file))
    _act(number, wish, options, files=files)


def set_fields(
    number: CaseNumber,
    fields: Fields,
    /,
    *,
    options: WorkOptions = DEFAULTS,
) -> None:
    """Set fields of a case; each value must be valid for the type of its field."""
    values: dict[str, str | bool | None] = {}
    for text in fields:
        name, equals, value = text.partition("=")
        if not equals:
            hint = "write field=value; field= removes the value"
            raise SettingsError([Mistake("case set", f"{text!r} sets nothing", hint)])
        values[name.strip()] = value.strip() or None
    _act(number, actions.SetFields(fields=values), options)


def title(
    number: CaseNumber,
    text: Annotated[str, Parameter(help="The title.")],
    /,
    *,
    options: WorkOptions = DEFAULTS,
) -> None:
    """Give a case another title."""
    _act(number, actions.SetTitle(title=text), options)


def due(
    number: CaseNumber,
    when: Annotated[
        str, Parameter(help="A time such as 2026-12-24T12:00 (UTC), 2h or 7d from now, or `never`.")
    ],
    /,
    *,
    options: WorkOptions = DEFAULTS,
) -> None:
    """Set or remove a case's due date."""
    due_at = None if when == "never" else coming_moment(when, "case due", datetime.now(UTC))
    _act(number, actions.SetDue(due_at=due_at), options)


def close(
    number: CaseNumber,
    /,
    *,
    options: WorkOptions = DEFAULTS,
) -> None:
    """Close a case at the stage where it is."""
    _act(number, actions.Close(), options)


def reopen(
    number: CaseNumber,
    /,
    *,
    options: WorkOptions = DEFAULTS,
) -> None:
    """Open a closed case again."""
    _act(number, actions.Reopen(), options)


def merge(
    number: CaseNumber,
    into: Annotated[CaseNumber, Parameter(help="The number of the case to merge it into.")],
    /,
    *,
    options: WorkOptions = DEFAULTS,
) -> None:
    """Merge a case into another, to which mail to its number then goes."""
    _act(number, actions.MergeInto(target=into), options)


def unmerge(
    number: CaseNumber,
    /,
    *,
    options: WorkOptions = DEFAULTS,
) -> None:
    """Undo the merge of a case, which gets its earlier status again."""
    _act(number, actions.Unmerge(), options)


def split(
    number: CaseNumber,
    /,
    *,
    comment: CommentIds,
    title: Title = None,
    options: WorkOptions = DEFAULTS,
) -> None:
    """Open a new case with some of a case's comments."""
    if not all(text.strip() for text in comment):  # of a script's variable that is not set
        hint = "give the beginning of an id that `mailcase case show N --json` prints"
        raise SettingsError([Mistake("--comment", "is empty", hint)])
    wish = actions.SplitOff(comments=comment, title=title)
    _act(number, wish, options)


def _act(
    number: int,
    wish: actions.Action,
    options: WorkOptions,
    *,
    files: Sequence[tuple[Path, bytes]] = (),
) -> None:
    done = asyncio.run(_done(number, wish, options, files))
    if options.json:
        answer = {
            "case": to_document(done.case),
            "changes": [to_document(change) for change in done.changes],
            "comment": done.comment,
            "new_case": done.new_case,
        }
        print(msgspec.json.encode(answer).decode())
        return
    case = done.case
    assigned = f", assigned to {printable(case.assignee)}" if case.assignee else ""
    print(
        f"case {case.number}: {case.process} / {case.stage}, {case.status}{assigned}, "
        f"revision {case.revision}"
    )
    print(f"  {printable(case.title)}")
    if done.new_case is not None:
        print(f"opened case {done.new_case}")


async def _done(
    number: int,
    wish: actions.Action,
    options: WorkOptions,
    files: Sequence[tuple[Path, bytes]],
) -> Done:
    settings = loaded(options.config)
    async with opened_repository(settings) as (store, repository):
        if isinstance(wish, actions.SplitOff):
            wish = structs.replace(wish, comments=await _whole_ids(store, number, wish.comments))
        kept = await _attachments(settings, store, files)
        return await repository.act(
            number, wish, acting(options.as_user), expected=options.revision, files=kept
        )


async def _whole_ids(store: Store, number: int, beginnings: Sequence[str]) -> list[str]:
    """The ids of the case's comments with these prefixes; a prefix of several ids, or of none, is
    returned unchanged.
    """
    comments = await store.collection(Comment.COLLECTION).find({"case": number}, ["_id"])
    ids = [str(comment["_id"]) for comment in comments]
    found = {
        text: [comment_id for comment_id in ids if comment_id.startswith(text)]
        for text in beginnings
    }
    return [matches[0] if len(matches) == 1 else text for text, matches in found.items()]


async def _attachments(
    settings: Settings, store: Store, files: Sequence[tuple[Path, bytes]]
) -> list[Attachment]:
    blobs = await kept_blobs(store, settings).put_all([content for _, content in files])
    return [
        Attachment(
            name=path.name,
            content_type=media_type(path),
            size=blob.size,
            sha256=blob.sha256,
            inline=False,
            content_id=None,
            blob=blob.sha256,
        )
        for (path, _), blob in zip(files, blobs, strict=True)
    ]
