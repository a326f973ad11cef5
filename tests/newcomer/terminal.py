"""A terminal with a shell: types lines and waits for output."""

import codecs
import os
import pty
import re
import select
import signal
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

WIDTH, HEIGHT = 80, 24
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")
_PROMPT = re.compile(r"<<(\d+)>> $")


class Terminal:
    """`screen` is all output so far, without control sequences."""

    def __init__(self, command: Sequence[str]) -> None:
        self.screen = ""
        self._shown = ""  # with control sequences
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._mark = 0
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            os.environ.update(TERM="xterm", COLUMNS=str(WIDTH), LINES=str(HEIGHT))
            os.execvp(command[0], list(command))

    def __enter__(self) -> Self:
        """Give the shell a prompt that shows the status of the last command."""
        self.type(f"unset COLUMNS LINES; stty cols {WIDTH} rows {HEIGHT}; PS1='<<$?'\">> \"")
        self.wait_for(_PROMPT, 60)
        self._mark = len(self.screen)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.close(self._master)
        os.waitpid(self._pid, 0)

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        self._mark = len(self.screen)
        os.write(self._master, line.encode() + b"\n")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._mark = len(self.screen)
        os.write(self._master, b"\x03")

    def wait_for(self, pattern: re.Pattern[str] | str, timeout_s: float) -> re.Match[str]:
        """Wait for output, and return what appeared since the last line was typed. AssertionError
        after the timeout.
        """
        deadline = time.monotonic() + timeout_s
        while (match := re.search(pattern, self.screen[self._mark :])) is None:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"{pattern!r} did not appear:\n{self.screen[self._mark :]}"
            self._read(left_s)
        return match

    def wait_for_prompt(self, timeout_s: float) -> str:
        """The output of the last command. AssertionError if its status is not 0."""
        match = self.wait_for(_PROMPT, timeout_s)
        printed = self.screen[self._mark :].removesuffix(match[0])
        assert match[1] == "0", f"status {match[1]}:\n{printed}"
        return printed

    def run(self, line: str, timeout_s: float) -> str:
        """Type a command and wait until it ends."""
        self.type(line)
        return self.wait_for_prompt(timeout_s)

    def _read(self, timeout_s: float) -> None:
        if not select.select([self._master], [], [], min(timeout_s, 1.0))[0]:
            return
        try:
            data = os.read(self._master, 65536)
        except OSError as error:
            raise AssertionError(f"the terminal ended:\n{self.screen}") from error
        # A read may end inside a character or a control sequence.
        self._shown += self._decoder.decode(data)
        self.screen = _CONTROL.sub("", self._shown)
