"""Commands from the router to the case writer: one per mail, with the decision and its evidence."""

from typing import Literal

import msgspec

from schemas.mails import RawMail

CommentKind = Literal["mail", "sent", "note", "bounce", "automatic"]
Authentication = Literal["", "pass", "fail"]
Otherwise = Literal["open", "park", "ignore"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Why a mail goes to a case or to none; stored as a whole in `mails.decision`.

    `rule` names the rule that decided (`schemas.reasons.Rule`); `evidence` contains short texts
    that it relied on. `cases` are candidate case numbers, best first. `thread_ids` are the
    Message-IDs that the mail refers to, nearest first, for the case writer to look up. `flags` are
    flags of the comment. `reports_on` are the Message-IDs of our mails that a delivery report is
    about. `signed` are the cases named by signed Message-IDs of ours in the mail, which nobody can
    forge. `addressed` are the cases named by addresses of ours, such as `invoices+235@x.example`:
    no other system uses these. `authentication` is the receiving server's verdict on the author,
    empty if there is none. The case writer adds `resolution` if it decided otherwise than the rule
    proposed.
    """

    rule: str
    evidence: list[str] = []
    cases: list[int] = []
    thread_ids: list[str] = []
    resolution: str | None = None
    flags: list[str] = []
    reports_on: list[str] = []
    signed: list[int] = []
    addressed: list[int] = []
    authentication: Authentication = ""


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    mail: RawMail
    decision: Decision


class OpenCase(_Command, frozen=True, kw_only=True, tag="OpenCase.v1"):
    """Open a case, unless a Message-ID among `decision.thread_ids` is known to belong to one."""


class AppendToCase(_Command, frozen=True, kw_only=True, tag="AppendToCase.v1"):
    """Add the mail to the first case of `decision.cases` that exists, or to that of
    `decision.thread_ids`.

    If there is none, `otherwise` decides: `open` a case, or `park` or `ignore` the mail for
    `reason`. `kind` is the comment's.
    """

    kind: CommentKind = "mail"
    otherwise: Otherwise = "open"
    reason: str = ""


class ParkMail(_Command, frozen=True, kw_only=True, tag="ParkMail.v1"):
    """Keep the whole mail for a person to decide; `reason` is a `ParkReason`."""

    reason: str


class IgnoreMail(_Command, frozen=True, kw_only=True, tag="IgnoreMail.v1"):
    """Record the mail without a case; `reason` is an `IgnoreReason`."""

    reason: str


Command = OpenCase | AppendToCase | ParkMail | IgnoreMail
