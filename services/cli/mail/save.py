"""`mailcase mail save KEY`: saves the exact bytes of a mail, from the database or the archive."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from schemas.codec import UnreadableMessageError, decode_raw_mail
from schemas.mails import RawMail, mail_key
from schemas.stored import Comment, Mail
from services.cli.replay.archive_reader import archived
from services.cli.terminal.files import write_new
from services.cli.terminal.lines import print_line
from services.cli.terminal.mails import write_bytes
from services.cli.terminal.options import MIN_KEY, hex_prefix
from services.cli.terminal.output import DEFAULT_CONFIG, Config, loaded, printable, size_text
from services.cli.terminal.progress import Bar
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.streams import Start, last_offset
from services.runtime.broker.topology import MAIL_ARCHIVE
from services.runtime.errors import PermanentError
from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.collection import Document
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

STDOUT = Path("-")
_KEY_CHARS = 64
_NAME_CHARS = 12
# A mail is archived after it was received and before it is recorded, give or take the clock skew.
_CLOCK_SKEW = timedelta(hours=1)

Key = Annotated[str, Parameter(help="The mail key; its first 8 digits are enough.")]
To = Annotated[
    Path,
    Parameter(
        name="--to",
        allow_leading_hyphen=True,
        help="An existing folder, a new file, or `-` for standard output.",
    ),
]


def save(key: Key, /, *, to: To = Path(), config: Config = DEFAULT_CONFIG) -> None:
    """Save the exact bytes of any mail that the database or the archive has.

    Never overwrites a file.
    """
    settings = loaded(config)
    prefix = hex_prefix(key, MIN_KEY, _KEY_CHARS, "`mailcase case show N --json`")
    full_key, content = asyncio.run(_content(settings, prefix))
    if to == STDOUT:
        write_bytes(content)
        return
    path = _write(to, f"{full_key[:_NAME_CHARS]}.eml", content)
    print_line(f"{printable(str(path))} ({size_text(len(content))})")


def _write(to: Path, name: str, content: bytes) -> Path:
    if to.is_dir():
        return write_new(to, name, content)
    try:
        with to.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise PermanentError(f"{to} exists: choose another file, or a folder") from None
    except OSError as error:
        raise PermanentError(f"{to} cannot be written: {error.strerror}") from error
    return to


async def _content(settings: Settings, prefix: str) -> tuple[str, bytes]:
    """The key and the bytes of the only mail whose key starts with `prefix`.

    Raises PermanentError.
    """
    async with Store.opened(store_url(settings), settings.store.database) as store:
        mail = await _recorded(store, prefix)
        if mail is not None:
            content = await _stored(store, mail)
            if content is not None:
                return mail["_id"], content
        async with Broker.connected(broker_url(settings), connection_name("mail")) as broker:
            await broker.declare(topology_of(settings))
            found = await _archived(broker, mail["_id"] if mail else prefix, mail)
        if found is None:
            state = (
                "recorded, but not stored whole, and" if mail is not None else "not recorded and"
            )
            hint = "restore a backup of the database or of the broker that has it"
            raise PermanentError(f"mail {prefix} is {state} no longer in the archive; {hint}")
        if found.raw is not None:
            return found.key, found.raw
        if found.blob is None:
            raise PermanentError(f"the archived message of mail {found.key} has no content")
        return found.key, await Blobs(store).get(found.blob.sha256)


async def _recorded(store: Store, prefix: str) -> Document | None:
    end = prefix + "g"  # sorts after every key with the prefix
    query = {"_id": {"$gte": prefix, "$lt": end}}
    found = await store.collection(Mail.COLLECTION).find(query, limit=2)
    if len(found) > 1:
        raise PermanentError(f"several mail keys start with {prefix}: give more digits")
    return found[0] if found else None


async def _stored(store: Store, mail: Document) -> bytes | None:
    """The bytes from the database; None if it does not have them, or if they do not match the mail
    key.
    """
    comment = await store.collection(Comment.COLLECTION).find_one({"_id": mail["_id"]})
    for blob in (mail.get("raw"), comment and comment.get("original")):
        if not blob:
            continue
        try:
            content = await Blobs(store).get(blob)
        except PermanentError:  # missing or damaged; the archive may have it
            continue
        if mail_key(mail["mailbox"], content) == mail["_id"]:
            return content
    return None


async def _archived(broker: Broker, key: str, mail: Document | None) -> RawMail | None:
    """The mail from the archive, which is searched first near the mail's time, then completely.

    Raises TransientError.
    """
    end = await last_offset(broker, MAIL_ARCHIVE)
    for start in _starts(mail):
        with Bar("searching the archive") as bar:
            async for batch in archived(broker, MAIL_ARCHIVE, start, end):
                for message in batch:
                    if message.message_id.startswith(key):
                        try:
                            return decode_raw_mail(message.body)
                        except UnreadableMessageError as error:
                            raise PermanentError(
                                f"the archived message is unreadable: {error}"
                            ) from error
                bar.show(batch[-1].offset, end or 0)
    return None


def _starts(mail: Document | None) -> Iterator[Start]:
    times: list[datetime] = [
        time
        for name in ("received_at", "recorded_at")
        if mail and (time := mail.get(name)) is not None
    ]
    if times:
        yield min(times) - _CLOCK_SKEW
    yield "first"
