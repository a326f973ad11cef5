"""The options of a replay, and the marks that it puts on mails. Pure."""

from dataclasses import dataclass

from msgspec import structs

from schemas.mails import RawMail, Replay
from services.cli.replay.case_history import CaseHistory

# They depend on what the cases and their senders were when the mail came.
NOT_APPLIED_AGAIN = (
    "number_from_strangers",
    "max_new_cases_per_sender",
    "max_new_cases_per_mailbox",
)


@dataclass(frozen=True)
class ReplayOptions:
    """How a replay publishes.

    `rate` is the maximum number of mails per second, 0 for no limit. `window` is how many may be in
    flight. If the router's queue is longer than `max_queue_length`, the replay waits, so that live
    mail goes first.
    """

    run: str
    rederive: bool = False
    move: bool = False
    rate: float = 500.0
    window: int = 200
    max_queue_length: int = 1000


def as_replayed(mail: RawMail, options: ReplayOptions, history: CaseHistory) -> RawMail:
    """The archived mail as a replay publishes it, with the case that it was in."""
    prior = history.of(mail.key)
    replay = Replay(
        run=options.run,
        case=prior.case if prior else None,
        opener=prior.opener if prior else None,
        rederive=options.rederive,
        move=options.move,
    )
    return structs.replace(mail, origin="replay", replay=replay)
