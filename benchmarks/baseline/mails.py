"""Prepares for the bare programs the documents of a mail from each sample, ready to be filled
in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from benchmarks.baseline.work import Piece, pieces_of, read
from benchmarks.mails import MARK, TOKEN_BYTES, filled, mail_set
from schemas.cases import Decision, OpenCase
from schemas.changes import change_id
from schemas.cloud_events import cloud_event
from schemas.codec import encode_json
from schemas.mails import BlobRef, RawMail, mail_key
from schemas.stored import Sender, to_document
from services.case_writer.placement.plan import PreparedMail
from services.case_writer.placement.planner import plan
from services.case_writer.placement.snapshot import Snapshot
from services.case_writer.preparation import stored_attachment
from services.case_writer.reading import read_mail
from services.case_writer.recording.builder import TransactionContext, build_documents
from services.case_writer.recording.history import number_history
from services.runtime.store.blobs import CHUNK_BYTES

BENCH = "bench"  # the name of the process and of its mailbox
STAGE = "registration"
INLINE_BYTES = 1024 * 1024
HEAD_BYTES = 256 * 1024
ENVELOPE = b"-" * 350  # how much larger a command is than the mail in it, approximately

Document = dict[str, Any]


@dataclass(frozen=True)
class Filled:
    """The results of one mail: one document per collection, the attachments' contents, the event,
    and the blob of the whole mail.
    """

    key: str
    stored: dict[str, Document]
    contents: list[tuple[str, bytes]]
    event: bytes
    blob: str | None


@dataclass(frozen=True)
class _Shape:
    stored: dict[str, Document]
    attached: tuple[int, ...]  # sizes in bytes
    event: bytes
    large: bool
    pieces: tuple[Piece, ...]


class Shapes:
    """The documents of mails, found by a mark in their bytes."""

    def __init__(self) -> None:
        self._shapes: dict[bytes, _Shape] = {}

    def filled(self, body: bytes, number: int) -> Filled:
        """The documents of the mail in the message `body`, as case `number`."""
        sample, token = mark_of(body)
        shape = self._shapes.get(sample) or self._learn(sample)
        key = token.decode()
        stored = {name: {**document, "_id": key} for name, document in shape.stored.items()}
        stored["cases"]["_id"] = stored["comments"]["case"] = stored["mails"]["case"] = number
        stored["threads"]["case"] = number
        stored["changes"] |= {"_id": change_id(number, 1), "case": number}
        contents = [
            (f"{key}-{index}", body[:1] * size) for index, size in enumerate(shape.attached)
        ]
        return Filled(key, stored, contents, shape.event, key if shape.large else None)

    def with_work(self, filled: Filled, raw: bytes) -> Filled:
        """The same, after the necessary work on the mail `raw`; the contents are those of the
        mail.
        """
        sample, _ = mark_of(raw)
        files = read(raw, self._shapes[sample].pieces)
        ids = [blob_id for blob_id, _ in filled.contents]
        return replace(filled, contents=list(zip(ids, files, strict=True)))

    def _learn(self, sample: bytes) -> _Shape:
        kind, _, index = sample.decode().partition(" ")
        shape = self._shapes[sample] = _shape(
            filled(mail_set(kind).samples[_position(kind, sample)], int(index))
        )
        return shape


def mark_of(body: bytes) -> tuple[bytes, bytes]:
    """The sample (`text 07`) and the token of the mail in a message."""
    start = body.index(MARK) + len(MARK)
    end = body.index(b"\r\n", start)
    return body[start : end - TOKEN_BYTES - 1], body[end - TOKEN_BYTES : end]


def blob_documents(contents: Sequence[tuple[str, bytes]]) -> tuple[list[Document], list[Document]]:
    """GridFS's files and chunks of (id, content) pairs."""
    now = datetime.now(UTC)
    files = [
        {"_id": name, "length": len(content), "chunkSize": CHUNK_BYTES, "uploadDate": now}
        for name, content in contents
    ]
    chunks = [
        {"files_id": name, "n": n, "data": content[start : start + CHUNK_BYTES]}
        for name, content in contents
        for n, start in enumerate(range(0, len(content), CHUNK_BYTES))
    ]
    return files, chunks


def _position(kind: str, sample: bytes) -> int:
    return next(n for n, raw in enumerate(mail_set(kind).samples) if mark_of(raw)[0] == sample)


def _shape(raw: bytes) -> _Shape:
    """The documents of a sample, built by the case writer's own code."""
    now = datetime.now(UTC)
    mail = RawMail(
        key=mail_key(BENCH, raw),
        process=BENCH,
        mailbox=BENCH,
        size=len(raw),
        fetched_at=now,
        received_at=now,
        raw=raw,
    )
    reading = read_mail(raw)
    attachments = tuple(
        stored_attachment(file, BlobRef(sha256="0" * 64, size=len(file.content)))
        for file in reading.attachments
    )
    item = PreparedMail(
        OpenCase(mail=mail, decision=Decision(rule="new-case")), reading, attachments
    )
    planned = plan([item], Snapshot(), attempt="0" * 32)
    made = build_documents(planned, TransactionContext(now, "0" * 32, 1, {BENCH: STAGE}))
    change = number_history(
        made.history, {}, {made.cases[0].number: made.cases[0]}, now, lambda *_: None
    ).changes[0]
    sender = Sender(id="", times=[now], alerted_at=None, version=1, expires_at=now)
    stored = {
        "cases": to_document(made.cases[0]),
        "comments": to_document(made.comments[0]),
        "mails": to_document(made.mails[0]),
        "threads": to_document(made.threads[0]),
        "senders": to_document(sender),
        "changes": to_document(change),
    }
    attached = tuple(len(attachment.content) for attachment in reading.attachments)
    return _Shape(
        stored,
        attached,
        encode_json(cloud_event(change)),
        len(raw) > INLINE_BYTES,
        pieces_of(raw),
    )
