"""What the desk needs from other services. The command line, which may import them all, supplies
it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from schemas.cases import Command
from schemas.mails import RawMail


@dataclass(frozen=True)
class ReadMail:
    """A mail as the case writer would read it. `defects` are the flags of its defects."""

    author: str
    subject: str
    text: str
    files: Sequence[str]
    defects: Sequence[str]


@dataclass(frozen=True)
class LoginTest:
    """Whether a log-in to a mail server works. `detail` says what was found, `hint` how to fix
    it. `problem` is a `MailboxProblem`, and `answer` the server's own text; both may be empty.
    """

    ok: bool
    detail: str
    hint: str = ""
    problem: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Tools:
    """Other services' work, on demand.

    `decide` returns the decision of the router's current rules. `read` reads a mail in a process of
    its own, because it may be hostile. `test_login` logs in to the mailbox with that name.
    """

    decide: Callable[[RawMail], Command]
    read: Callable[[bytes], Awaitable[ReadMail]]
    test_login: Callable[[str], Awaitable[LoginTest]]
