"""`mailcase reply N`: a mail from a case to its participants."""

import asyncio
import sys
import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from msgspec import structs

from schemas.sending import AnswerCase, AnswerFile
from schemas.stored import OutgoingMail
from services.case_writer.outgoing.composer import OutgoingMailComposer
from services.casework.outgoing import MAX_HOLD_S, answer_document_id, mailable
from services.casework.persistence.answers import MongoAnswers
from services.cli.case.context import acting
from services.cli.terminal.files import media_type, read_bytes, read_text
from services.cli.terminal.options import Attach, CaseNumber, TextFile, reject_blank
from services.cli.terminal.output import DEFAULT_CONFIG, Config, Json, loaded, printable
from services.runtime.broker.configured import broker_url, connection_name, topology_of
from services.runtime.broker.connection import Broker
from services.runtime.broker.messages import Outgoing
from services.runtime.broker.topology import CASE, answer_key
from services.runtime.errors import Mistake, PermanentError, SettingsError
from services.runtime.mail.message_id_keys import message_id_signer
from services.runtime.settings import Settings
from services.runtime.store.archived_blobs import kept_blobs
from services.runtime.store.blobs import Blobs
from services.runtime.store.collection import Document
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

PATIENCE_S = 30.0

To = Annotated[
    list[str] | None,
    Parameter(
        name="--to",
        negative="",
        help="A recipient instead of the participants; can be repeated.",
    ),
]
Cc = Annotated[
    list[str] | None,
    Parameter(name="--cc", negative="", help="A recipient of a copy; can be repeated."),
]
NoQuote = Annotated[
    bool,
    Parameter(name="--no-quote", negative="", help="Do not quote the mail that is answered."),
]
Hold = Annotated[
    float,
    Parameter(
        name="--hold",
        help="Seconds to wait before sending; meanwhile `mailcase recall` can take the mail back.",
        validator=Number(gte=0, lte=MAX_HOLD_S),
    ),
]
Subject = Annotated[
    str | None,
    Parameter(
        name="--subject",
        help="The subject; default: RE: and the title of the case.",
        validator=reject_blank,
    ),
]
Automatic = Annotated[
    bool,
    Parameter(
        name="--automatic",
        negative="",
        help="Mark the mail as automatic, so that no program answers it.",
    ),
]


def reply(
    number: CaseNumber,
    /,
    *,
    text_file: TextFile,
    attach: Attach = None,
    to: To = None,
    cc: Cc = None,
    subject: Subject = None,
    no_quote: NoQuote = False,
    hold: Hold = 0.0,
    automatic: Automatic = False,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> int:
    """Send a mail from a case, with its number in the subject, so that replies join the case.

    Waits up to half a minute until the mail is sent. If the mail server postpones it, the sender
    retries.
    """
    settings = loaded(config)
    unusable = [address for address in [*(to or ()), *(cc or ())] if mailable(address) is None]
    if unusable:
        hint = "give each as name@example.com, without the name of the person"
        raise SettingsError(
            [
                Mistake("--to", f"{printable(address)!r} is not a mail address", hint)
                for address in unusable
            ]
        )
    answer = AnswerCase(
        id=str(uuid.uuid4()),
        case=number,
        text=read_text(text_file),
        at=datetime.now(UTC),
        subject=subject,
        to=to or [],
        cc=cc or [],
        quote=not no_quote,
        hold_s=hold,
        actor=acting(None).actor,
        files=[_file(path) for path in attach or []],
        automatic=automatic,
    )
    return asyncio.run(send_reply(settings, answer, json=json))


def _file(path: Path) -> AnswerFile:
    return AnswerFile(name=path.name, content_type=media_type(path), content=read_bytes(path))


async def send_reply(settings: Settings, answer: AnswerCase, *, json: bool = False) -> int:
    """Publish an answer and report the result; returns the command's exit status."""
    async with (
        Store.opened(store_url(settings), settings.store.database) as store,
        Broker.connected(broker_url(settings), connection_name("reply")) as broker,
    ):
        stored = MongoAnswers(store)
        case = await stored.case(answer.case)
        if case is None:
            raise PermanentError(f"there is no case {answer.case}")
        mail = OutgoingMailComposer(settings, message_id_signer(settings)).answer(
            answer, case, [], answer.at
        )  # raises if the answer cannot be sent
        own = settings.own_addresses
        warnings = missing_author(
            answer.case, await stored.latest_author(answer.case), mail.to, own
        )
        for warning in warnings:
            print(f"mailcase: warning: {printable(warning)}", file=sys.stderr, flush=True)
        await broker.declare(topology_of(settings))
        message = await _with_blobs(kept_blobs(store, settings), answer)
        key = answer_key(case.process)
        await broker.publish(Outgoing.of(message, message.id, key, exchange=CASE))
        if not json:
            print(
                f"case {mail.case}: {printable(mail.subject or '')}, to {printable(', '.join(mail.to))}",
                flush=True,
            )
        if answer.hold_s and not json:
            hint = f"mailcase recall '{answer_document_id(message)}'"
            print(f"goes out in {answer.hold_s:g} s; to take it back: {hint}", flush=True)
        ended = await _ended(store, answer_document_id(message), PATIENCE_S + answer.hold_s)
        if json:
            print(_as_json(mail, warnings, ended))
        return _report(ended, json=json)


def missing_author(
    case: int, author: str | None, to: Sequence[str], own: Collection[str]
) -> list[str]:
    """A warning if the author of the case's latest mail does not get the answer; the mailboxes'
    `own` addresses need none.
    """
    known = mailable(author) if author else None
    if author is None or (known or author).lower() in {
        *own,
        *(recipient.lower() for recipient in to),
    }:
        return []
    hint = f"; to send it to them, repeat it with --to {known}" if known else ""
    return [
        f"the latest mail of case {case} is from {author}, who is not among the recipients{hint}"
    ]


def _as_json(mail: OutgoingMail, warnings: Sequence[str], ended: Document | None) -> str:
    """One object; `state` is null while the answer waits in the queue."""
    known = ended or {}
    shown = {
        "case": mail.case,
        "subject": mail.subject,
        "to": mail.to,
        "state": known.get("state"),
        "message_id": known.get("message_id"),
        "failure": known.get("failure"),
        "warnings": list(warnings),
    }
    return msgspec.json.format(msgspec.json.encode(shown)).decode()


async def _with_blobs(kept: Blobs, answer: AnswerCase) -> AnswerCase:
    """The answer with its files as references, because a message must be small. The blobs are kept
    as long as the message may wait.
    """
    blobs = await kept.put_all([file.content or b"" for file in answer.files])
    files = [
        AnswerFile(name=file.name, content_type=file.content_type, blob=blob)
        for file, blob in zip(answer.files, blobs, strict=True)
    ]
    return structs.replace(answer, files=files)


async def _ended(store: Store, document_id: str, patience_s: float) -> Document | None:
    """The outbox's document after the mail is finished, or its state after `patience_s`."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        document = await store.collection("outbox").find_one({"_id": document_id})
        if (document and document["ended_at"]) or asyncio.get_running_loop().time() > deadline:
            return document
        await asyncio.sleep(0.1)


def _report(document: Document | None, *, json: bool = False) -> int:
    if document is None:
        print("mailcase: in the queue; does a case writer run?", file=sys.stderr)
        return 1
    failure = f": {printable(document['failure'])}" if document["failure"] else ""
    if document["state"] == "sent":
        if not json:
            print(f"sent as {document['message_id']}{failure}")
        return 0
    if document["ended_at"] is None:
        attempts = (
            f"after {document['attempts']} attempts{failure}"
            if document["attempts"]
            else "does a sender run?"
        )
        print(f"mailcase: in the outbox, not sent yet; {attempts}", file=sys.stderr)
        return 0
    print(f"mailcase: {document['state']}{failure}", file=sys.stderr)
    return 1
