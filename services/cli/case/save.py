"""`mailcase case save N --to DIR`: the files of a case, or its whole mails, as files."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from schemas.stored import Attachment, Comment, from_document
from services.cli.case.context import existing, opened_repository
from services.cli.terminal.files import write_new
from services.cli.terminal.lines import print_line
from services.cli.terminal.options import CaseNumber, reject_blank
from services.cli.terminal.output import DEFAULT_CONFIG, Config, loaded, printable, size_text
from services.runtime.errors import PermanentError
from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.mongo import Store

To = Annotated[Path, Parameter(name="--to", help="The folder; it is created if it is missing.")]
Named = Annotated[
    str | None,
    Parameter(name="--attachment", help="Only attachments with this name.", validator=reject_blank),
]
Original = Annotated[
    bool,
    Parameter(
        name="--original",
        negative="",
        help="The whole mails that were kept, instead of attachments.",
    ),
]
_UNSAFE = frozenset({"", ".", ".."})


def save(
    number: CaseNumber,
    /,
    *,
    to: To,
    attachment: Named = None,
    original: Original = False,
    config: Config = DEFAULT_CONFIG,
) -> int:
    """Save the attachments of a case, or its original mails, to a folder. Nothing there is
    overwritten.
    """
    saved = asyncio.run(_save(loaded(config), number, to, attachment, original=original))
    if not saved:
        print("nothing to save")
    return 0 if saved else 1


async def _save(
    settings: Settings, number: int, folder: Path, name: str | None, *, original: bool
) -> list[Path]:
    async with opened_repository(settings) as (store, repository):
        await existing(repository, number)
        _make(folder)
        saved = []
        async for file_name, blob in _chosen(store, number, name, original=original):
            content = await Blobs(store).get(blob)
            path = write_new(folder, _one_name(file_name), content)
            print_line(f"{printable(str(path))} ({size_text(len(content))})")
            saved.append(path)
        return saved


async def _chosen(
    store: Store, number: int, name: str | None, *, original: bool
) -> AsyncIterator[tuple[str, str]]:
    """Names and blobs, in the order of the comments. Inline pictures are included only if they are
    named.
    """
    comments = await store.collection(Comment.COLLECTION).find({"case": number}, sort="at")
    for position, document in enumerate(comments, start=1):
        comment = from_document(document, Comment)
        if original:
            if comment.original is not None:
                yield f"case-{number}-{position}.eml", comment.original
            continue
        for attachment in _wanted(comment.attachments, name):
            yield attachment.name, attachment.blob


def _wanted(attachments: Sequence[Attachment], name: str | None) -> list[Attachment]:
    if name is not None:
        return [attachment for attachment in attachments if attachment.name == name]
    return [attachment for attachment in attachments if not attachment.inline]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermanentError(f"{folder} cannot be created: {error.strerror}") from error


def _one_name(name: str) -> str:
    """The last part of a name. The name is already safe, but a manipulated document must not lead
    outside the folder.
    """
    last = name.replace("\\", "/").rpartition("/")[2].replace("\0", "")
    return "file" if last in _UNSAFE else last
