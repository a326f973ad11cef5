"""Waiting for new mail in a session: polling soon after a mail, IDLE (RFC 2177) later."""

import time

from imap_tools import BaseMailBox

from services.fetcher.imap.polling import next_poll_s
from services.fetcher.imap.session import untagged
from services.fetcher.sources.diagnosis import has_buffered
from services.fetcher.sources.wakeup import WakeupPipe

# RFC 2177 allows 29 minutes; network devices drop a silent connection much sooner.
MAX_IDLE_S = 9 * 60.0


def has_announced(box: BaseMailBox) -> bool:
    """Whether the server announced a new mail since the last search began."""
    return bool(untagged(box, "EXISTS"))


def poll_then_idle(
    box: BaseMailBox, wake: WakeupPipe, last_mail_s: float, timeout_s: float
) -> None:
    """Soon after a mail, poll at growing intervals; later wait in IDLE.

    `last_mail_s` is the time of the last mail on the monotonic clock. `wake` ends the wait. Raises
    OSError or one of `session.BROKEN` if the session breaks.
    """
    deadline_s = time.monotonic() + timeout_s
    while (pause_s := next_poll_s(time.monotonic() - last_mail_s)) is not None:
        if wake.wait(pause_s) or time.monotonic() > deadline_s:
            return
        box.client.noop()
        if has_announced(box):
            return
    _idle(box, wake, min(max(0.0, deadline_s - time.monotonic()), MAX_IDLE_S))


def _idle(box: BaseMailBox, wake: WakeupPipe, timeout_s: float) -> None:
    box.idle.start()  # type: ignore[no-untyped-call] # the library has no types for these two
    try:
        if not has_buffered(box.client.file, box.client.sock):
            wake.wait(timeout_s, box.client.sock.fileno())
    finally:
        box.idle.stop()  # type: ignore[no-untyped-call]
