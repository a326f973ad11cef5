"""The texts that say why something was refused, or failed."""

from collections.abc import Mapping, Sequence
from string import Formatter

import msgspec

from schemas.reasons import DeadLetterReason


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """Texts by constant words.

    `refusals` has one or more texts for each `Problem.reason`, the most specific first: the first
    is used whose places are all known. `field_forms` says how to write the values of a field, by
    its type. `mailboxes` is by `MailboxProblem`, `dead_letters` by `DeadLetterReason`, `deliveries`
    by `DeliveryProblem`, `sending` by `SendProblem`, `identities` by `IdentityProblem`.
    """

    refusals: Mapping[str, Sequence[str]]
    field_forms: Mapping[str, str]
    mailboxes: Mapping[str, str]
    dead_letters: Mapping[str, str]
    deliveries: Mapping[str, str]
    sending: Mapping[str, str]
    identities: Mapping[str, str]

    def refusal(self, reason: str | None, facts: Mapping[str, str], detail: str | None) -> str:
        """Why an action was refused; `detail` for a reason that has no text."""
        form = self.field_forms.get(facts.get("type", ""), "")
        known = {name: text for name, text in {**facts, "form": form}.items() if text}
        for text in self.refusals.get(reason or "", ()):
            if places(text) <= known.keys():
                return text.format_map(known)
        return detail or ""

    def dead_letter(self, reason: str) -> tuple[str, str]:
        """The text for the reason of a dead letter, and the rest, which came from elsewhere."""
        word, _, rest = reason.partition(": ")
        if (text := self.dead_letters.get(word)) is not None:
            return text, rest
        if word in self.refusals:
            return self.refusal(word, {}, rest), ""
        return self.dead_letters[DeadLetterReason.UNKNOWN], reason

    def sending_failure(self, failure: str) -> str:
        """Why a mail was not sent: text of ours translated, the mail server's as it is."""
        for known, text in self.sending.items():
            failure = failure.replace(known, text)
        return failure

    def mailbox(self, problem: str, facts: Mapping[str, str], failure: str) -> str:
        """Why a mailbox cannot be read; `failure` for a problem that has no text."""
        text = self.mailboxes.get(problem)
        return text.format_map(facts) if text is not None else failure


def places(text: str) -> set[str]:
    """The names of the places of a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}
