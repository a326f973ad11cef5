"""What the router tells the case writer: one command a mail, with the decision and the evidence for it."""

from typing import Literal

import msgspec

from schemas.mails import RawMail

CommentKind = Literal["mail", "sent", "note", "bounce", "automatic"]
Authentication = Literal["", "pass", "fail"]
Otherwise = Literal["open", "park", "ignore"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Why a mail goes where it goes; stored whole in `mails.decision`.

    `rule` is the constant name of the rule that decided; `evidence` holds short texts that the rule went by. `cases`
    are candidate case numbers, best first; `thread_ids` are Message-IDs that the mail refers to, nearest first, for the
    case writer to look up. `flags` are constant words for the comment. `reports_on` are the Message-IDs of mails of
    ours that a delivery report is about. `signed` are the cases that signed Message-IDs of ours in the mail name, which
    nobody can guess; `authentication` is the receiving server's verdict on the author, empty for none. `resolution` is
    added by the case writer where it ended otherwise than the rule proposed.
    """

    rule: str
    evidence: list[str] = []
    cases: list[int] = []
    thread_ids: list[str] = []
    resolution: str | None = None
    flags: list[str] = []
    reports_on: list[str] = []
    signed: list[int] = []
    authentication: Authentication = ""


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    mail: RawMail
    decision: Decision


class OpenCase(_Command, frozen=True, kw_only=True, tag="OpenCase.v1"):
    """Open a case, unless a Message-ID among `decision.thread_ids` is known to belong to one."""


class AppendToCase(_Command, frozen=True, kw_only=True, tag="AppendToCase.v1"):
    """Add the mail to the first case of `decision.cases` that exists, or that one of `decision.thread_ids` belongs to.

    Where there is none, `otherwise` tells what becomes of the mail: `open` a case, `park` or `ignore` it, for `reason`.
    `kind` is the comment's.
    """

    kind: CommentKind = "mail"
    otherwise: Otherwise = "open"
    reason: str = ""


class ParkMail(_Command, frozen=True, kw_only=True, tag="ParkMail.v1"):
    """Keep the mail whole for a person to decide; `reason` is a constant name."""

    reason: str


class IgnoreMail(_Command, frozen=True, kw_only=True, tag="IgnoreMail.v1"):
    """Record the mail without a case; `reason` is a constant name."""

    reason: str


Command = OpenCase | AppendToCase | ParkMail | IgnoreMail
