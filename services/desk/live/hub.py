"""Fans events out to the open streams of this desk, in memory and bounded for each stream.

An event says that a case is at a revision; the client fetches the case. Of several events about a
case, only the latest matters. The client of a stream that falls too far behind is asked to fetch
everything.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec

from schemas.case_events import CaseEvent

MAX_WAITING = 500  # cases for one stream; with more, the client fetches everything
MAX_STREAMS = 1_500  # of a desk
MAX_STREAMS_EACH = 50  # of one user and their tokens; a browser opens one for each tab


class TooManyStreamsError(Exception):
    """`own` is true if the caller has too many, false if the whole desk has."""

    def __init__(self, *, own: bool) -> None:
        super().__init__("too many streams")
        self.own = own


class CaseAtRevision(msgspec.Struct, frozen=True, kw_only=True):
    """The data of an event of the kind `case`: the case is at `revision`, after a change `what`."""

    case: int
    revision: int
    process: str
    what: str


@dataclass(eq=False)
class Stream:
    """One open stream. `processes` are those that its reader may see now.

    `subjects` are what the reader's access depends on (`services.desk.accounts.subjects`).
    `must_check` is true if the proof or the roles may have changed.
    """

    owner: str
    processes: Collection[str]
    subjects: Collection[str] = ()
    closed_because: str = ""
    must_check: bool = False
    _waiting: dict[int, bytes] = field(default_factory=dict)
    _refetch: bool = False
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, case: int, frame: bytes) -> None:
        """Queue an event, which replaces an earlier one of the same case."""
        self._waiting[case] = frame
        if len(self._waiting) > MAX_WAITING:
            self.refetch()
        self._ready.set()

    def refetch(self) -> None:
        """Ask the client to fetch everything, because events were missed."""
        self._waiting.clear()
        self._refetch = True
        self._ready.set()

    def check(self) -> None:
        """Have the reader's proof and roles looked up at once."""
        self.must_check = True
        self._ready.set()

    def close(self, reason: str) -> None:
        """End the stream. `reason` is a constant word for the client."""
        self.closed_because = self.closed_because or reason
        self._ready.set()

    async def wait(self, timeout_s: float) -> None:
        """Wait until there is something to send, at most `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            return

    def take(self) -> bytes:
        """Return and clear what is to be sent now."""
        frames = [REFETCH] if self._refetch else []
        frames += self._waiting.values()
        self._waiting.clear()
        self._refetch = False
        if not self.closed_because:
            self._ready.clear()
        return b"".join(frames)


class LiveHub:
    """All open streams of this desk."""

    def __init__(self) -> None:
        self._streams: set[Stream] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._streams)

    def join(
        self, owner: str, processes: Collection[str], subjects: Collection[str] = ()
    ) -> Stream:
        """A new stream of `owner`. Raises TooManyStreamsError."""
        if len(self._streams) >= MAX_STREAMS:
            raise TooManyStreamsError(own=False)
        if sum(stream.owner == owner for stream in self._streams) >= MAX_STREAMS_EACH:
            raise TooManyStreamsError(own=True)
        stream = Stream(owner, processes, subjects)
        if self._closed:
            stream.close(SHUTDOWN)
        self._streams.add(stream)
        return stream

    def leave(self, stream: Stream) -> None:
        self._streams.discard(stream)

    def publish(self, event: CaseEvent) -> None:
        """Offer an event to every stream whose reader may see its case, or could see it before."""
        data = event.data
        shown = CaseAtRevision(
            case=data.case, revision=data.revision, process=data.process, what=event.what
        )
        frame, left = frame_of("case", shown), data.details.get("from_process")
        for stream in self._streams:
            if data.process in stream.processes:
                stream.offer(data.case, frame)
            elif left in stream.processes:
                stream.offer(data.case, _left(shown, str(left)))

    def refetch(self) -> None:
        """Ask every client to fetch everything, because events were missed."""
        for stream in self._streams:
            stream.refetch()

    def check(self, subjects: Collection[str]) -> None:
        """Check every stream at once whose reader's access depends on one of `subjects`."""
        for stream in self._streams:
            if not set(subjects).isdisjoint(stream.subjects):
                stream.check()

    def close(self) -> None:
        """End all streams, and refuse new ones, because the desk stops."""
        self._closed = True
        for stream in self._streams:
            stream.close(SHUTDOWN)


def frame_of(kind: str, data: object) -> bytes:
    """An event in the format of server-sent events (HTML Living Standard)."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(data))


def _left(shown: CaseAtRevision, process: str) -> bytes:
    """The event for readers who can no longer see the case: it changed. The new process is left
    out.
    """
    return frame_of("case", msgspec.structs.replace(shown, process=process))


SHUTDOWN = "shutdown"
SIGNED_OUT = "signed-out"
REFETCH = frame_of("refetch", {})
