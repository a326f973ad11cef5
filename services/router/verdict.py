"""What a rule decides about a mail. Pure."""

from typing import Literal

import msgspec

from schemas.cases import Decision
from schemas.reasons import IgnoreReason, ParkReason


class Verdict(msgspec.Struct, frozen=True):
    """The action to take with a mail, and the decision with its evidence.

    `reason` says why the mail belongs to no case, None if it does. For `append`, `kind` is the
    comment's kind, and `otherwise` is the action if none of the decision's cases exists.
    """

    action: Literal["open", "append", "park", "ignore"]
    decision: Decision
    reason: ParkReason | IgnoreReason | None = None
    kind: Literal["mail", "bounce", "automatic"] = "mail"
    otherwise: Literal["open", "park", "ignore"] = "open"

    @classmethod
    def park(cls, reason: ParkReason, evidence: str) -> "Verdict":
        """Park the mail for a person. The rule is named after the reason."""
        return cls("park", Decision(rule=reason, evidence=[evidence]), reason)

    @classmethod
    def ignore(cls, reason: IgnoreReason, evidence: str) -> "Verdict":
        """Record the mail without a case. The rule is named after the reason."""
        return cls("ignore", Decision(rule=reason, evidence=[evidence]), reason)
