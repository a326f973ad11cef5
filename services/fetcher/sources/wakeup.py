"""A wait for a socket that another thread can end."""

import os
import select
import weakref


class WakeupPipe:
    """A self-pipe: `set`, called from any thread, ends the current `wait`, or else the next one at
    once.
    """

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        weakref.finalize(self, _close, self._read_end, self._write_end)

    def set(self) -> None:
        try:
            os.write(self._write_end, b".")
        except BlockingIOError:
            return  # the pipe is full of wake-ups

    def wait(self, timeout_s: float, other: int | None = None) -> bool:
        """Wait for `set`, for data on the file descriptor `other`, or for `timeout_s` seconds.

        True if `set` was called.
        """
        poller = select.poll()
        poller.register(self._read_end, select.POLLIN)
        if other is not None:
            poller.register(other, select.POLLIN)
        poller.poll(timeout_s * 1000)
        woken = False
        try:
            while os.read(self._read_end, 4096):
                woken = True
        except BlockingIOError:
            pass
        return woken


def _close(*ends: int) -> None:
    for end in ends:
        os.close(end)
