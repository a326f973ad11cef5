"""The sender's use case: claim a mail that is due, apply the limits, send it, record the outcome.

The outbox is the source of truth. A sender that crashes leaves a claim, which expires; the next
attempt sends the same bytes under the same Message-ID.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from msgspec import structs

from schemas.case_ref import CaseReference
from schemas.message_ids import NO_KEYS, MessageIdSigner
from schemas.reasons import SendProblem
from schemas.stored import OutgoingMail, OutgoingState
from services.runtime.errors import PermanentError, TransientError
from services.runtime.logs import get_logger
from services.runtime.process.lifecycle import Stop
from services.runtime.retry import Backoff
from services.runtime.settings import SenderLimits, Settings
from services.runtime.store.contention import ContentionWatch, pause_after_conflict, until_written
from services.runtime.store.errors import ConflictError
from services.sender import metrics
from services.sender.comments import comment_of
from services.sender.compose import compose, subject_of
from services.sender.ports import (
    DeliveryResult,
    Ending,
    Files,
    Outbox,
    Transport,
    without_addresses,
)
from services.sender.rate_limits import (
    EVERYONE,
    Go,
    Hold,
    Suppress,
    Verdict,
    address_key,
    apply_rate_limits,
)
from services.sender.templates import Templates, Values

log = get_logger(__name__)

CLAIM_S = 60.0  # how long the mail of a dead sender waits; a live sender extends its claims


class Sender:
    """Delivers one mail per call; calls for different mails may run concurrently."""

    def __init__(
        self,
        outbox: Outbox,
        files: Files,
        transports: Mapping[str, Transport],
        templates: Templates,
        settings: Settings,
        *,
        stop: Stop,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        claim_s: float = CLAIM_S,
        signer: MessageIdSigner = NO_KEYS,
    ) -> None:
        """The keys of `transports` are the names of `[smtp.NAME]`; `signer` marks mails as ours."""
        self._outbox = outbox
        self._files = files
        self._transports = transports
        self._templates = templates
        self._signer = signer
        self._processes = settings.processes
        self._limits: SenderLimits = settings.sender
        self._reference = CaseReference(
            settings.case_reference.prefix, settings.case_reference.read_bare
        )
        self._stop = stop
        self._clock = clock
        self._claim_s = claim_s

    async def deliver(self, mail_id: str, unreachable: str | None = None) -> None:
        """Send one mail if it is due and unclaimed.

        If `unreachable` says why its server is down, the mail fails for that reason without an
        attempt. Raises TransientError in an outage of the database.
        """
        claim = uuid.uuid4().hex
        now = self._clock()
        mail = await self._outbox.claim(mail_id, claim, now, now + timedelta(seconds=self._claim_s))
        if mail is None:
            return
        async with self._kept(mail, claim):
            if (
                mail.auto_submitted
                and mail.counted_at is None
                and not await self._is_within_rate_limits(mail, claim)
            ):
                return
            rendered = await self._with_text(mail, claim)
            if rendered is not None:
                result = (
                    await self._attempt(rendered)
                    if unreachable is None
                    else _deferred(rendered, unreachable)
                )
                await self._record(rendered, claim, result)

    @asynccontextmanager
    async def _kept(self, mail: OutgoingMail, claim: str) -> AsyncIterator[None]:
        """Extend the claim while the block runs, however long the mail server takes."""

        async def extending() -> None:
            while True:
                await asyncio.sleep(self._claim_s / 3)
                try:
                    await self._outbox.extend(
                        mail.id, claim, self._clock() + timedelta(seconds=self._claim_s)
                    )
                except TransientError as error:
                    log.warning("claim_not_extended", mail=mail.id, error=error)

        task = asyncio.ensure_future(extending())
        try:
            yield
        finally:
            task.cancel()

    async def _is_within_rate_limits(self, mail: OutgoingMail, claim: str) -> bool:
        """Whether the mail may be sent now. If not, it is released or ended here."""
        match await self._apply_rate_limits(mail, claim):
            case Hold(until=until):
                # A hold does not count: the first retry after it must not come later.
                held = structs.replace(
                    mail, due_at=until, failure=SendProblem.HELD, attempts=mail.attempts - 1
                )
                await self._outbox.release(held, claim)
                log.warning(
                    "automatic_mail_held", mail=mail.id, case=mail.case, process=mail.process
                )
                return False
            case Suppress(reason=reason):
                metrics.SUPPRESSED.labels(mail.process, reason).inc()
                await self._end(mail, claim, "suppressed", reason, show=False)
                return False
            case _:
                return True

    async def _apply_rate_limits(self, mail: OutgoingMail, claim: str) -> Verdict:
        """The verdict, after its changes are written; another sender may count concurrently."""
        keys = [EVERYONE, address_key(mail.to[0])]
        conflicts = 0
        while True:
            now = self._clock()
            verdict = apply_rate_limits(mail, now, await self._outbox.histories(keys), self._limits)
            try:
                if isinstance(verdict, Go):
                    await self._outbox.count(verdict.histories, now, (mail.id, claim))
                elif isinstance(verdict, Hold) and verdict.tripped is not None:
                    await self._outbox.count({EVERYONE: verdict.tripped}, now, None)
                    metrics.BREAKER_TRIPS.inc()
                    log.error(
                        "breaker_opened",
                        until=verdict.until.isoformat(),
                        hint="look for a mail loop",
                    )
            except ConflictError:
                conflicts += 1
                await pause_after_conflict(conflicts)
            else:
                return verdict

    async def _with_text(self, mail: OutgoingMail, claim: str) -> OutgoingMail | None:
        """The mail with its subject and text, which are stored before the first attempt.

        None if the mail is no longer ours, or has no usable template.
        """
        if mail.subject is not None and mail.text is not None:
            return mail
        rendered = self._rendered(mail)
        if rendered is None:
            await self._end(
                mail, claim, "suppressed", "the templates of its stage cannot be used", show=False
            )
            return None
        subject, text = rendered
        subject = subject_of(subject, mail.case, self._reference)
        if not await self._outbox.store_text(mail.id, claim, subject, text):
            return None
        return structs.replace(mail, subject=subject, text=text)

    def _rendered(self, mail: OutgoingMail) -> tuple[str, str] | None:
        """Subject and text from the templates of the process, or of the stage if it is a notice."""
        process = self._processes.get(mail.process)
        stage = process.stage(mail.stage) if process and mail.stage else None
        values = Values(
            reference=self._reference.write(mail.case),
            number=mail.case,
            process=process.title if process else mail.process,
            stage=stage.title if stage else process.initial_stage.title if process else "",
            opened_at=mail.created_at,
        )
        if mail.kind == "notice":
            return self._templates.render_notice(mail.process, mail.stage or "", values)
        return self._templates.render(mail.process, values)

    async def _attempt(self, mail: OutgoingMail) -> DeliveryResult:
        """Make one attempt; any failure of it is a result. Raises TransientError in an outage of
        the database.
        """
        try:
            return await self._send(mail)
        except TransientError:
            raise
        except (
            Exception
        ) as error:  # a bug that this mail triggers: it is retried at growing intervals
            log.exception("attempt_failed", mail=mail.id, case=mail.case)
            return _deferred(mail, f"{SendProblem.INTERNAL}: {type(error).__name__}")

    async def _send(self, mail: OutgoingMail) -> DeliveryResult:
        process = self._processes.get(mail.process)
        name = process.smtp if process else None
        if name is None or name not in self._transports:
            return _deferred(mail, SendProblem.NO_SERVER)
        try:
            files = [await self._files.get(attachment.blob) for attachment in mail.attachments]
            message = compose(mail, files, self._signer)
        except (PermanentError, ValueError) as error:
            log.warning("mail_not_composed", mail=mail.id, case=mail.case, error=error)
            is_lost = isinstance(error, PermanentError)
            why = SendProblem.FILE_MISSING if is_lost else SendProblem.BAD_HEADER
            not_composed = f"{SendProblem.NOT_COMPOSED}: {why}"
            return DeliveryResult(rejected=dict.fromkeys(mail.remaining, not_composed))
        if len(message) > self._limits.max_mail_bytes:
            too_large = f"{SendProblem.TOO_LARGE} ({len(message)} B)"
            return DeliveryResult(rejected=dict.fromkeys(mail.remaining, too_large))
        started = time.monotonic()
        result = await self._transports[name].send(mail.author.address, mail.remaining, message)
        metrics.SEND_SECONDS.labels(name).observe(time.monotonic() - started)
        label = "again" if result.deferred else "accepted" if result.accepted else "refused"
        metrics.ATTEMPTS.labels(name, label).inc()
        return result

    async def _record(self, mail: OutgoingMail, claim: str, result: DeliveryResult) -> None:
        """Record an attempt; the next one is for the deferred recipients."""
        now = self._clock()
        after = after_attempt(mail, result)
        deadline = mail.created_at + timedelta(seconds=self._limits.give_up_after_s)
        if after.remaining and now < deadline:
            pause = timedelta(seconds=pause_s(mail.attempts, self._limits))
            after = structs.replace(after, due_at=min(now + pause, deadline))
            log.warning(
                "mail_postponed",
                mail=mail.id,
                case=mail.case,
                attempts=mail.attempts,
                answer=without_addresses(after.failure),
            )
            await self._until_written(partial(self._outbox.release, after, claim))
            return
        missed = [*after.refused, *result.deferred_answers]
        got_it = len(after.to) > len(after.remaining) + len(after.refused)
        state: OutgoingState = "sent" if got_it else "given-up" if after.remaining else "refused"
        await self._end(after, claim, state, "; ".join(missed) or None)

    async def _end(
        self,
        mail: OutgoingMail,
        claim: str,
        state: OutgoingState,
        failure: str | None,
        *,
        show: bool = True,
    ) -> None:
        now = self._clock()
        if not await self._ended(mail, claim, Ending(state, now, failure), show=show):
            log.warning("claim_lost", mail=mail.id, case=mail.case, state=state)
            return
        metrics.ENDED.labels(mail.process, mail.kind, state).inc()
        if state == "sent":
            metrics.END_TO_END_SECONDS.labels(mail.kind).observe(
                max(0.0, (now - mail.created_at).total_seconds())
            )
        level = log.info if failure is None else log.warning
        level(
            "outgoing_mail_finished",
            mail=mail.id,
            case=mail.case,
            state=state,
            attempts=mail.attempts,
            answer=without_addresses(failure),
        )

    async def _ended(self, mail: OutgoingMail, claim: str, ending: Ending, *, show: bool) -> bool:
        """Write the ending; False if the claim is lost.

        If the comment cannot be written, the ending is written without it: otherwise the mail would
        be sent again.
        """
        try:
            sent = ending.state == "sent"
            comment = (
                comment_of(mail, ending.at, sent=sent, failure=ending.failure) if show else None
            )
            return await self._until_written(
                partial(self._outbox.end, mail, claim, replace(ending, comment=comment))
            )
        except TransientError:
            raise
        except Exception:  # the document cannot be written, or a bug
            log.exception("sent_comment_not_written", mail=mail.id, case=mail.case)
            return await self._until_written(partial(self._outbox.end, mail, claim, ending))

    async def _until_written(self, write: Callable[[], Awaitable[bool]]) -> bool:
        """Repeat a write during an outage, since the mail may have been sent.

        False if the claim is no longer ours, which includes a commit that turned out to be written.
        Raises TransientError if the service stops first; then another attempt sends the mail again.
        """
        return await until_written(
            write,
            self._stop,
            Backoff(initial_s=0.05, maximum_s=5.0),
            watch=ContentionWatch(self._outbox.prove_majority),
            on_outage=lambda error, _pause_s: log.warning("ending_postponed", error=error),
        )


def after_attempt(mail: OutgoingMail, result: DeliveryResult) -> OutgoingMail:
    """The mail without the recipients that were accepted or rejected."""
    rejected = [f"{address}: {answer}" for address, answer in result.rejected.items()]
    return structs.replace(
        mail,
        remaining=list(result.deferred),
        refused=[*mail.refused, *rejected],
        failure="; ".join(result.deferred_answers) or None,
    )


def _deferred(mail: OutgoingMail, reason: str) -> DeliveryResult:
    return DeliveryResult(deferred=dict.fromkeys(mail.remaining, reason))


def pause_s(attempts: int, limits: SenderLimits) -> float:
    """Seconds until the next attempt after `attempts` attempts."""
    return min(limits.retry_longest_s, limits.retry_first_s * 2.0 ** min(max(0, attempts - 1), 32))
