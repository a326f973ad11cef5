"""`mailcase parked`: list, show, retry and discard the mails that belong to no case."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from cyclopts import Parameter

from schemas.stored import Discard, Mail
from services.case_writer.main import isolated_reader
from services.case_writer.ports import UnreadableMailError
from services.casework.parked import ParkedFilter, ParkedMailRepository, why_not_retryable
from services.cli.mail.summaries import MailSummary, summaries
from services.cli.terminal.account import account_name
from services.cli.terminal.lines import print_line
from services.cli.terminal.mails import print_headers, write_bytes
from services.cli.terminal.options import (
    MIN_KEY,
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
from services.cli.terminal.output import (
    DEFAULT_CONFIG,
    Config,
    Json,
    loaded,
    printable,
    report_failure,
)
from services.cli.terminal.tables import print_table, short_keys
from services.cli.terminal.times import short_time
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.errors import MailcaseError, Mistake, SettingsError
from services.runtime.process.isolated import in_pieces
from services.runtime.settings import Settings
from services.runtime.store.archived_blobs import kept_blobs
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

OUTCOME_TIMEOUT_S = 30.0
RETRY_BATCH = 100
_KEY_DIGITS = 12

Keys = Annotated[list[str], Parameter(help="Mail keys; the first 8 digits are enough.")]
Key = Annotated[str, Parameter(help="The mail key; its first 8 digits are enough.")]
Reason = Annotated[str | None, Parameter(name="--reason", help="Only mails with this reason.")]
Ignored = Annotated[
    bool,
    Parameter(name="--ignored", negative="", help="Select ignored mails instead of parked ones."),
]


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
    mails, known = asyncio.run(
        _find(loaded(config), _filter(reason, process, before, ignored=ignored), limit)
    )
    if json:
        for mail in mails:
            print(_as_json(mail, known.get(mail.id, MailSummary())))
        return
    if not mails:
        print(f"no {'ignored' if ignored else 'parked'} mails")
        return
    keys = short_keys([mail.id for mail in mails], MIN_KEY)
    rows = [
        _cells(key, mail, known.get(mail.id, MailSummary()))
        for key, mail in zip(keys, mails, strict=True)
    ]
    headings = ("key", "recorded", "mailbox", "reason", "subject", "from")
    print_table(headings, rows, whole=("key", "recorded", "reason"), spare=("recorded", "mailbox"))


def show(key: Key, /, *, raw: Raw = False, config: Config = DEFAULT_CONFIG) -> None:
    """Show why a mail was parked or ignored, its headers and its defects; with --raw, its exact
    bytes.
    """
    settings = loaded(config)
    mail, content = asyncio.run(_read(settings, key_prefix(key)))
    if raw:
        write_bytes(content)
        return
    head = f"{mail.outcome}, {mail.reason}; {len(content)} bytes in mailbox {mail.mailbox}"
    print_line(f"{mail.id}: {head}")
    evidence = printable(", ".join(mail.decision.evidence)) or "none"
    print_line(f"  rule {mail.decision.rule}; evidence: {evidence}")
    if mail.refers_to:
        print_line(f"  a copy of a mail in case {mail.refers_to}")
    if mail.discarded:
        print_line(printable(f"  discarded by {mail.discarded.by}: {mail.discarded.why}"))
    print_headers(content)
    print_line(f"  defects: {', '.join(asyncio.run(_defects(settings, content))) or 'none'}")


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
    """Send mails through the router again, which decides with the current settings. The new outcome
    replaces the old one.
    """
    one_choice("parked retry", "mail keys", keys, everything=everything)
    if keys and (reason, process, before) != (None, None, None):
        hint = "leave out the keys or these options"
        raise SettingsError(
            [Mistake("parked retry", "--reason, --process and --before require --all", hint)]
        )
    prefixes = [key_prefix(key) for key in keys or ()]
    return asyncio.run(
        _retry(loaded(config), prefixes, _filter(reason, process, before, ignored=ignored))
    )


def discard(keys: Keys, /, *, why: Why, config: Config = DEFAULT_CONFIG) -> int:
    """Discard parked mails. They are kept whole and can still be retried.

    If one fails, it is reported and the others continue.
    """
    return 1 if asyncio.run(_discard(loaded(config), [key_prefix(key) for key in keys], why)) else 0


def _filter(
    reason: str | None, process: str | None, before: str | None, *, ignored: bool
) -> ParkedFilter:
    return ParkedFilter(reason, process, before_moment(before, datetime.now(UTC)), ignored)


def _cells(key: str, mail: Mail, summary: MailSummary) -> tuple[str, ...]:
    recorded = short_time(mail.recorded_at)
    subject = " ".join(summary.subject.split())
    return key, recorded, mail.mailbox, mail.reason or "", subject, summary.sender


def _as_json(mail: Mail, summary: MailSummary) -> str:
    """The document, with `subject` and `sender` added."""
    document = msgspec.to_builtins(mail)
    return msgspec.json.encode(
        document | {"subject": summary.subject, "sender": summary.sender}
    ).decode()


async def _find(
    settings: Settings, selection: ParkedFilter, limit: int
) -> tuple[list[Mail], dict[str, MailSummary]]:
    async with Store.opened(store_url(settings), settings.store.database) as store:
        mails = await ParkedMailRepository(store).find(selection, limit=limit)
        return mails, await summaries(store, mails)


async def _read(settings: Settings, prefix: str) -> tuple[Mail, bytes]:
    async with Store.opened(store_url(settings), settings.store.database) as store:
        mails = ParkedMailRepository(store)
        mail = await mails.get(prefix)
        return mail, await mails.content(mail)


async def _defects(settings: Settings, content: bytes) -> list[str]:
    """The defects that the reader finds, in a child process: the mail may be hostile."""
    async with isolated_reader(settings) as reader:
        try:
            return (await reader.read(in_pieces(content))).defects
        except UnreadableMailError as error:
            return [error.reason]


async def _discard(settings: Settings, prefixes: Sequence[str], why: str) -> int:
    """Returns how many mails could not be discarded."""
    failed = 0
    async with Store.opened(store_url(settings), settings.store.database) as store:
        mails = ParkedMailRepository(store)
        chosen = [await mails.get(prefix) for prefix in prefixes]
        note = Discard(by=account_name(), why=why, at=datetime.now(UTC))
        for mail in chosen:
            try:
                await mails.discard(mail, note)
            except MailcaseError as error:
                failed += 1
                report_failure(mail.id[:_KEY_DIGITS], f"not discarded: {error}")
            else:
                print(f"{mail.id}: discarded", flush=True)
    return failed


async def _retry(settings: Settings, prefixes: Sequence[str], selection: ParkedFilter) -> int:
    """Returns the exit status.

    With --all, mails that cannot be retried are reported and do not count as failed.
    """
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        Broker.connected(broker_url(settings), connection_name("retry")) as broker,
    ):
        await broker.declare(topology_of(settings))
        mails = ParkedMailRepository(store, kept_blobs(store, settings))
        chosen = [await mails.get(prefix) for prefix in prefixes] or await mails.find(selection)
        retryable = [mail for mail in chosen if _is_retryable(mail)]
        failed = len(chosen) - len(retryable) if prefixes else 0
        for start in range(0, len(retryable), RETRY_BATCH):
            batch = retryable[start : start + RETRY_BATCH]
            published = [mail for mail in batch if await _publish(settings, mails, broker, mail)]
            failed += len(batch) - len(published) + await report_outcomes(mails, published)
    if not retryable:
        print("no mail to retry")
    return 1 if failed else 0


def _is_retryable(mail: Mail) -> bool:
    refusal = why_not_retryable(mail)
    if refusal is not None:
        report_failure(mail.id[:_KEY_DIGITS], f"not retried: {refusal}")
    return refusal is None


async def _publish(
    settings: Settings, mails: ParkedMailRepository, broker: Broker, mail: Mail
) -> bool:
    """Whether the mail was published; a failure is reported."""
    try:
        await mails.retry(mail, broker.publish, inline_bytes=settings.limits.inline_mail_bytes)
    except MailcaseError as error:
        report_failure(mail.id[:_KEY_DIGITS], f"not retried: {error}")
        return False
    return True


async def report_outcomes(mails: ParkedMailRepository, published: Sequence[Mail]) -> int:
    """Print each new outcome as soon as it is recorded; returns how many were not recorded in
    time.
    """
    waiting = {mail.id: mail for mail in published}
    deadline = asyncio.get_running_loop().time() + OUTCOME_TIMEOUT_S
    while waiting and asyncio.get_running_loop().time() < deadline:
        for mail in await mails.changed(waiting.values()):
            del waiting[mail.id]
            place = f"case {mail.case}" if mail.case else mail.reason
            print(f"{mail.id[:_KEY_DIGITS]}: {mail.outcome}, {place}", flush=True)
        await asyncio.sleep(0.1)
    for key in waiting:
        report_failure(
            key[:_KEY_DIGITS], "still in the queue; check that a router and a case writer run"
        )
    return len(waiting)
