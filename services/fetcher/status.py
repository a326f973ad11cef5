"""What a mailbox's reader tells of itself: readiness, metrics, and a log line with the mend for what goes wrong."""

from services.fetcher import metrics
from services.fetcher.ports import FailureKind, MailboxError, Waiting
from services.runtime.errors import TransientError
from services.runtime.logs import get_logger
from services.runtime.process.health import Health

log = get_logger(__name__)


class StatusReporter:
    """For one mailbox."""

    def __init__(self, mailbox: str, health: Health) -> None:
        self._mailbox = mailbox
        self._health = health

    def up(self) -> None:
        metrics.UP.labels(self._mailbox).set(1)
        metrics.PAUSED.labels(self._mailbox, "store").set(0)
        self._health.member_up(self._mailbox)
        metrics.LAST_SUCCESS.labels(self._mailbox).set_to_current_time()

    def down(self, error: TransientError, pause_s: float) -> None:
        """A session ended by `error`; the next begins in `pause_s` seconds."""
        failure_kind = error.failure_kind if isinstance(error, MailboxError) else FailureKind.DEPENDENCY
        metrics.PAUSED.labels(self._mailbox, "store").set(failure_kind == FailureKind.DEPENDENCY)
        hint = error.hint if isinstance(error, MailboxError) else "see the broker's and the database's logs"
        metrics.UP.labels(self._mailbox).set(failure_kind == FailureKind.DEPENDENCY)  # the mailbox itself is well then
        self._health.member_down(self._mailbox, f"{failure_kind}: {error}")
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
        metrics.PAUSED.labels(self._mailbox, "store").set(1)
        hint = "see the database's log: the mailbox is read on once it answers"
        log.warning("mailbox_paused", mailbox=self._mailbox, reason="the lease cannot be renewed", hint=hint)

    def gone(self) -> None:
        """Another replica reads it, or nobody does."""
        self._health.member_gone(self._mailbox)

    def unreadable(self, mail_id: str, error: MailboxError) -> None:
        metrics.UNREADABLE.labels(self._mailbox).inc()
        hint = "look at this mail on the mail server: the session breaks at it; it is asked for again in ten minutes"
        log.error("mail_unreadable", mailbox=self._mailbox, id=mail_id, error=error, hint=hint)

    def too_large(self, mail: Waiting) -> None:
        metrics.TOO_LARGE.labels(self._mailbox).inc()
        hint = "raise limits.max_mail_bytes, or take the mail out of the mailbox by hand"
        log.error("mail_too_large", mailbox=self._mailbox, id=mail.id, size=mail.size, hint=hint)
