"""`mailcase parked`: mails that went to no case, shown whole, tried again or set aside by a person."""

import asyncio
import getpass
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from schemas.stored import Discard
from services.case_writer.isolated_reader import IsolatedReader
from services.case_writer.main import reading_limits
from services.case_writer.ports import UnreadableMailError
from services.cli.terminal.options import (
    Before,
    Everything,
    Limit,
    Process,
    Raw,
    Why,
    before_moment,
    key_prefix,
    one_choice,
)
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded, printable, report_failure
from services.cli.terminal.tables import print_table
from services.fetcher.main import kept_blobs
from services.fetcher.message_builder import RawMailBuilder
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.errors import MailcaseError, Mistake, PermanentError, SettingsError
from services.runtime.mail.headers import MailHeaders
from services.runtime.settings import Settings
from services.runtime.store.blobs import Blobs
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Document, Store

PATIENCE_S = 30.0
MAIL_TOO_LARGE = "mail-too-large"  # as the router parks it
MEND_TOO_LARGE = "raise limits.max_mail_bytes and restart the fetchers, which then take it whole; then discard this"
RETRIED_TOGETHER = 100

Keys = Annotated[list[str], Parameter(help="Mail keys; their first 8 characters are enough.")]
Key = Annotated[str, Parameter(help="The mail's key; its first 8 characters are enough.")]
Reason = Annotated[str | None, Parameter(name="--reason", help="Only mails with this reason.")]
Ignored = Annotated[bool, Parameter(name="--ignored", negative="", help="Ignored mails instead of parked ones.")]


def list_mails(
    *,
    reason: Reason = None,
    process: Process = None,
    before: Before = None,
    ignored: Ignored = False,
    limit: Limit = 100,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """List parked mails, the oldest first."""
    mails = asyncio.run(_find(loaded(config), _query(reason, process, before, ignored=ignored), limit))
    if json:
        for mail in mails:
            print(msgspec.json.encode(mail).decode())
        return
    if not mails:
        print(f"no {'ignored' if ignored else 'parked'} mails")
        return
    print_table(("mail key", "recorded", "mailbox", "reason", "evidence"), [_cells(mail) for mail in mails])


def _cells(mail: Document) -> tuple[str, ...]:
    evidence = ", ".join(mail["decision"]["evidence"])
    return mail["_id"][:12], f"{mail['recorded_at']:%Y-%m-%d %H:%M}", mail["mailbox"], mail["reason"], evidence


def show(key: Key, /, *, raw: Raw = False, config: Config = DEFAULT_CONFIG) -> None:
    """Show why a mail was parked or ignored, its header, and what is wrong with it; or the whole mail."""
    settings = loaded(config)
    mail, content = asyncio.run(_whole(settings, key))
    if raw:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    print(f"{mail['_id']}: {mail['outcome']}, {mail['reason']}; {len(content)} bytes in mailbox {mail['mailbox']}")
    print(
        f"  rule {mail['decision']['rule']}; evidence: {printable(', '.join(mail['decision']['evidence'])) or 'none'}"
    )
    if mail.get("refers_to"):
        print(f"  a copy of a mail in case {mail['refers_to']}")
    if mail.get("discarded"):
        print(f"  discarded by {mail['discarded']['by']}: {printable(mail['discarded']['why'])}")
    headers = MailHeaders.parse(content)
    for name in ("Date", "From", "To", "Subject", "Message-ID"):
        print(f"  {name}: {printable(headers.text(name) or '')}")
    print(f"  defects: {', '.join(asyncio.run(_defects(settings, content))) or 'none'}")


def retry(
    keys: Keys | None = None,
    /,
    *,
    everything: Everything = False,
    reason: Reason = None,
    process: Process = None,
    before: Before = None,
    ignored: Ignored = False,
    config: Config = DEFAULT_CONFIG,
) -> int:
    """Send mails through the router again, which decides by the settings of now; the outcome is replaced."""
    one_choice("parked retry", "mail keys", keys, everything=everything)
    if keys and (reason, process, before) != (None, None, None):
        hint = "leave out the keys or the options"
        raise SettingsError([Mistake("parked retry", "options that choose go with --all only", hint)])
    settings = loaded(config)
    return asyncio.run(_retry(settings, keys or [], _query(reason, process, before, ignored=ignored)))


def discard(keys: Keys, /, *, why: Why, config: Config = DEFAULT_CONFIG) -> int:
    """Set parked mails aside for good; they are kept whole, and can still be retried.

    One that fails is reported; the others go on.
    """
    return 1 if asyncio.run(_discard(loaded(config), keys, why)) else 0


def _query(reason: str | None, process: str | None, before: str | None, *, ignored: bool) -> dict[str, Any]:
    latest = before_moment(before, datetime.now(UTC))
    wanted = {"reason": reason, "process": process, "recorded_at": {"$lt": latest} if latest else None}
    chosen: dict[str, Any] = {"outcome": "ignored" if ignored else "parked"}
    return chosen | {name: value for name, value in wanted.items() if value is not None}


async def _find(settings: Settings, query: dict[str, Any], limit: int) -> list[Document]:
    async with Store.opened(store_url(settings), settings.store.database) as store:
        return await store.collection("mails").find(query, sort="recorded_at", limit=limit)


async def _by_key(store: Store, key: str) -> Document:
    """The one mail without a case whose key begins so. Raises PermanentError, or SettingsError where it is no key."""
    key = key_prefix(key)
    upper = key + "g"  # behind every key that begins so
    found = await store.collection("mails").find({"_id": {"$gte": key, "$lt": upper}}, limit=2)
    if not found:
        raise PermanentError(f"there is no mail {key}")
    if len(found) > 1:
        raise PermanentError(f"{key} begins the keys of several mails: give more of it")
    if found[0]["outcome"] not in {"parked", "ignored"}:
        raise PermanentError(f"mail {key} was {found[0]['outcome']}: it is in case {found[0]['case']}")
    return found[0]


async def _whole(settings: Settings, key: str) -> tuple[Document, bytes]:
    async with Store.opened(store_url(settings), settings.store.database) as store:
        mail = await _by_key(store, key)
        if mail["raw"] is None:
            hint = "replay its time once more where the archive or a backup has the content"
            raise PermanentError(f"mail {key} was parked as {mail['reason']}: its content is not there; {hint}")
        return mail, await Blobs(store).get(mail["raw"])


async def _defects(settings: Settings, content: bytes) -> list[str]:
    """What reading the mail finds wrong with it; in a process of its own, since no one knows what it is."""
    reading = settings.reading
    reader = IsolatedReader(
        reading_limits(settings), max_seconds=reading.max_seconds, max_memory_bytes=reading.max_memory_bytes
    )
    try:
        return (await reader.read(content)).defects
    except UnreadableMailError as error:
        return [error.reason]
    finally:
        await reader.close()


async def _discard(settings: Settings, keys: Sequence[str], why: str) -> int:
    """Returns how many could not be discarded."""
    failed = 0
    async with Store.opened(store_url(settings), settings.store.database) as store:
        mails = [await _by_key(store, key) for key in keys]
        note = Discard(by=getpass.getuser(), why=why, at=datetime.now(UTC))
        for mail in mails:
            try:
                await set_aside(store, mail, note)
            except MailcaseError as error:
                failed += 1
                report_failure(mail["_id"][:12], f"not discarded: {error}")
            else:
                print(f"{mail['_id']}: discarded", flush=True)
    return failed


async def set_aside(store: Store, mail: Document, note: Discard) -> None:
    """Discard a mail as it was when it was looked at. Raises PermanentError where it has another outcome since."""
    seen = {"_id": mail["_id"], "written_by": mail["written_by"]}
    discarded = msgspec.to_builtins(note, builtin_types=(datetime,))
    # A version of its own, so that whoever looked at the mail before writes nothing over this.
    changed = {"outcome": "ignored", "reason": "discarded", "discarded": discarded, "written_by": uuid.uuid4().hex}
    if not await store.collection("mails").update(seen, {"$set": changed}):
        raise PermanentError(f"mail {mail['_id']} has another outcome since a moment ago: look at it again")


async def _retry(settings: Settings, keys: Sequence[str], query: dict[str, Any]) -> int:
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        Broker.connected(broker_url(settings), connection_name("retry")) as broker,
    ):
        await broker.declare(topology_of(settings))
        found = [await _by_key(store, key) for key in keys] or await store.collection("mails").find(query)
        mails = [mail for mail in found if mail["reason"] != MAIL_TOO_LARGE]
        for mail in found:
            if mail["reason"] == MAIL_TOO_LARGE:
                print(f"{mail['_id'][:12]}: only its beginning is here; {MEND_TOO_LARGE}", file=sys.stderr)
        waiting = len(found) - len(mails) if keys else 0
        for start in range(0, len(mails), RETRIED_TOGETHER):
            chunk = mails[start : start + RETRIED_TOGETHER]
            published = [mail for mail in chunk if await _published(settings, store, broker, mail)]
            failed = [mail for mail in chunk if mail not in published and (keys or mail["raw"] is not None)]
            waiting += len(failed) + await _report(store, published)
    if not mails:
        print("no mail to retry")
    return 1 if waiting else 0


async def _published(settings: Settings, store: Store, broker: Broker, mail: Document) -> bool:
    """Whether the mail is on its way to the router; if not, why is reported."""
    try:
        if mail["raw"] is None:
            raise PermanentError("its content is not there")
        await _publish(settings, store, broker, mail)
    except MailcaseError as error:
        report_failure(mail["_id"][:12], f"not retried: {error}")
        return False
    return True


async def _publish(settings: Settings, store: Store, broker: Broker, mail: Document) -> None:
    blobs = Blobs(store)
    inline_bytes = settings.limits.inline_mail_bytes
    put_blob = kept_blobs(store, settings).put
    dispatcher = RawMailBuilder(mail["process"], mail["mailbox"], inline_bytes=inline_bytes, put_blob=put_blob)
    raw = await blobs.get(mail["raw"])
    await broker.publish(await dispatcher.message(raw, mail["received_at"], origin="retry"))


async def _report(store: Store, mails: Sequence[Document]) -> int:
    """Print what came of each, as soon as it is written; returns how many were still waiting in the end."""
    before = {mail["_id"]: mail["written_by"] for mail in mails}
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while before and asyncio.get_running_loop().time() < deadline:
        for mail in await store.collection("mails").find({"_id": {"$in": list(before)}}):
            if mail["written_by"] != before[mail["_id"]]:
                del before[mail["_id"]]
                where = f"case {mail['case']}" if mail["case"] else mail["reason"]
                print(f"{mail['_id'][:12]}: {mail['outcome']}, {where}", flush=True)
        await asyncio.sleep(0.1)
    for key in before:
        print(f"{key[:12]}: in the queue; do a router and a case writer run?", file=sys.stderr)
    return len(before)
