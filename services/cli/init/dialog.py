"""The questions of `init`, answered by a person on a terminal or by the options of a script."""

import getpass
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from services.cli.terminal.lines import HANG, wrapped
from services.cli.terminal.output import printable
from services.runtime.errors import MailcaseError, Mistake, SettingsError

T = TypeVar("T")
Check = Callable[[str], T]


class StoppedError(MailcaseError):
    """The person ended the conversation. Nothing was written."""


class Dialog:
    """Asks one question at a time.

    A question that an option answers is not asked. With `interactive` False the default is taken,
    and a question without one raises SettingsError, which names the option.

    A check returns the value, or raises ValueError with what is wrong.
    """

    def __init__(self, *, interactive: bool, console: Console | None = None) -> None:
        self.interactive = interactive
        self._console = console or Console(highlight=False)

    def say(self, text: str = "", style: str = "") -> None:
        """Print a line, broken between words; control characters in it are replaced."""
        line = wrapped(printable(text), HANG, self._console.width)
        self._console.print(Text(line, style=style), soft_wrap=True)

    def say_whole(self, text: str) -> None:
        """Print lines to copy as they are, such as those of `command_lines`."""
        self._console.print(Text(printable(text)), soft_wrap=True)

    def text(
        self, question: str, option: str, given: str | None, default: str | None = None
    ) -> str:
        """One line of text. Raises SettingsError and StoppedError."""
        return self.value(question, option, given, default, str)

    def value(
        self,
        question: str,
        option: str,
        given: str | None,
        default: str | None,
        check: Check[T],
    ) -> T:
        """A value of one line. Raises SettingsError and StoppedError."""
        if given is not None or not self.interactive:
            return self._without_asking(question, option, given, default, check)
        while True:
            shown = f" [{default}]" if default else ""
            answer = self._line(f"{question}{shown}: ").strip() or default
            if answer is None:
                continue
            try:
                return check(answer)
            except ValueError as error:
                self.say(f"  {error}", "yellow")

    def secret(self, question: str, option: str) -> str:
        """A line that is not shown; never empty. Raises SettingsError and StoppedError."""
        if not self.interactive:
            raise _needed(question, option)
        while True:
            try:
                answer = getpass.getpass(f"{question} (not shown): ")
            except (EOFError, KeyboardInterrupt) as error:
                raise _stopped() from error
            if answer:
                return answer

    def yes(self, question: str, *, default: bool, given: bool | None = None) -> bool:
        """Yes or no."""
        if given is not None:
            return given
        if not self.interactive:
            return default
        while True:
            answer = self._line(f"{question} [{'Y/n' if default else 'y/N'}]: ").strip().lower()
            if not answer:
                return default
            if answer in {"y", "yes", "n", "no"}:
                return answer.startswith("y")
            self.say("  answer y or n", "yellow")

    def choice(self, question: str, labels: Sequence[str], default: int = 0) -> int:
        """The index of one of the labels; the default without a person."""
        if not self.interactive:
            return default
        self.say(question)
        for number, label in enumerate(labels, 1):
            self.say(f"  {number}  {label}")
        while True:
            answer = self._line(f"Number [{default + 1}]: ").strip()
            if not answer:
                return default
            if answer.isascii() and answer.isdecimal() and 1 <= int(answer[:9]) <= len(labels):
                return int(answer) - 1
            self.say(f"  answer with a number from 1 to {len(labels)}", "yellow")

    def _without_asking(
        self, question: str, option: str, given: str | None, default: str | None, check: Check[T]
    ) -> T:
        value = given if given is not None else default
        if value is None:
            raise _needed(question, option)
        try:
            return check(value)
        except ValueError as error:
            raise SettingsError([Mistake(option, str(error))]) from error

    def _line(self, prompt: str) -> str:
        try:
            return input(prompt)
        except (EOFError, KeyboardInterrupt) as error:
            raise _stopped() from error


def on_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _needed(question: str, option: str) -> SettingsError:
    return SettingsError([Mistake(option, f"needed without a terminal ({question.lower()})")])


def _stopped() -> StoppedError:
    print()
    return StoppedError("stopped; nothing was written")
