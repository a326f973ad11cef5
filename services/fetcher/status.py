"""Reports the status of a mailbox's reader: health, metrics, and log lines with a hint for each
failure.
"""

from schemas.reasons import MailboxProblem
from services.fetcher import metrics
from services.fetcher.mailbox_states import MailboxStates
from services.fetcher.ports import FailureKind, ListedMail, MailboxError
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.health import Health

log = get_logger(__name__)


class StatusReporter:
    """Reports the status of one mailbox."""

    def __init__(self, mailbox: str, health: Health, states: MailboxStates) -> None:
        self._mailbox = mailbox
        self._health = health
        self._states = states

    def up(self) -> None:
        metrics.UP.labels(self._mailbox).set(1)
        metrics.BACKPRESSURE.labels(self._mailbox, "store").set(0)
        self._health.member_up(self._mailbox)
        self._states.up(self._mailbox)
        metrics.LAST_SUCCESS.labels(self._mailbox).set_to_current_time()

    def down(self, error: TransientError, pause_s: float) -> None:
        """Report that a session ended with `error` and the next one begins in `pause_s` seconds."""
        failure_kind = (
            error.failure_kind if isinstance(error, MailboxError) else FailureKind.DEPENDENCY
        )
        metrics.BACKPRESSURE.labels(self._mailbox, "store").set(
            failure_kind == FailureKind.DEPENDENCY
        )
        hint = (
            error.hint
            if isinstance(error, MailboxError)
            else "see the broker's and the database's logs"
        )
        # The mailbox itself works then.
        metrics.UP.labels(self._mailbox).set(failure_kind == FailureKind.DEPENDENCY)
        self._health.member_down(self._mailbox, f"{failure_kind}: {error}")
        problem, answer = MailboxProblem.DEPENDENCY, ""
        if isinstance(error, MailboxError):
            problem, answer = error.problem, error.answer
        failure = f"{failure_kind}: {error}"
        self._states.down(self._mailbox, failure, hint, problem=problem, answer=answer)
        metrics.FAILURES.labels(self._mailbox, failure_kind).inc()
        log.error(
            "mailbox_down",
            mailbox=self._mailbox,
            kind=str(failure_kind),
            error=error,
            hint=hint,
            retry_in_s=round(pause_s, 1),
        )

    def lease_expired(self) -> None:
        metrics.BACKPRESSURE.labels(self._mailbox, "store").set(1)
        hint = "see the database's log; reading resumes once the database answers"
        log.warning(
            "mailbox_paused", mailbox=self._mailbox, reason="the lease cannot be renewed", hint=hint
        )

    def gone(self) -> None:
        """Report that this replica no longer reads the mailbox."""
        self._health.member_gone(self._mailbox)
        self._states.gone(self._mailbox)

    def unreadable(self, mail_id: str, error: MailboxError) -> None:
        metrics.UNREADABLE.labels(self._mailbox).inc()
        hint = (
            "inspect this mail on the mail server: fetching it breaks the session; "
            "it is fetched again in ten minutes"
        )
        log.error("mail_unreadable", mailbox=self._mailbox, id=mail_id, error=error, hint=hint)

    def too_large(self, mail: ListedMail) -> None:
        metrics.TOO_LARGE.labels(self._mailbox).inc()
        hint = "raise limits.max_mail_bytes, or remove the mail from the mailbox by hand"
        log.error("mail_too_large", mailbox=self._mailbox, id=mail.id, size=mail.size, hint=hint)
