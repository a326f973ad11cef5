"""Rate limits for automatic mail. Pure: sending histories in, a verdict out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas.reasons import SuppressReason
from schemas.stored import OutgoingMail
from services.runtime.mail.addresses import base_address
from services.runtime.settings import SenderLimits

EVERYONE = "all"
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class SendingHistory:
    """When automatic mails were sent; `version` is 0 if nothing is known, and grows with each
    write.
    """

    times: tuple[datetime, ...] = ()
    held_until: datetime | None = None
    version: int = 0


@dataclass(frozen=True)
class Go:
    """The mail may be sent once `histories` are written by their keys."""

    histories: dict[str, SendingHistory]


@dataclass(frozen=True)
class Hold:
    """The circuit breaker is open until `until`; `tripped` is what to write if this mail opened
    it.
    """

    until: datetime
    tripped: SendingHistory | None = None


@dataclass(frozen=True)
class Suppress:
    """The mail is never sent."""

    reason: SuppressReason


Verdict = Go | Hold | Suppress


def address_key(address: str) -> str:
    """One key for all addresses of an account (RFC 5233)."""
    return f"to {base_address(address.lower())}"


def apply_rate_limits(
    mail: OutgoingMail, now: datetime, histories: dict[str, SendingHistory], limits: SenderLimits
) -> Verdict:
    """Decide whether an automatic mail may be sent now.

    `histories` has `EVERYONE` and, for an acknowledgement, the key of its address.
    """
    if now - mail.created_at > timedelta(seconds=limits.automatic_within_s):
        return Suppress(SuppressReason.TOO_LATE)
    everyone = histories[EVERYONE]
    if everyone.held_until is not None and everyone.held_until > now:
        return Hold(everyone.held_until)
    changed: dict[str, SendingHistory] = {}
    if mail.kind == "acknowledgement" and limits.max_acknowledgements_per_address:
        key = address_key(mail.to[0])
        recent = _within(histories[key], now, timedelta(seconds=limits.acknowledgements_window_s))
        if len(recent) >= limits.max_acknowledgements_per_address:
            return Suppress(SuppressReason.TOO_MANY_ACKNOWLEDGEMENTS)
        changed[key] = replace(histories[key], times=(*recent, now))
    recent = _within(everyone, now, MINUTE)
    if len(recent) >= limits.max_automatic_mails_per_minute:
        until = now + timedelta(seconds=limits.breaker_pause_s)
        return Hold(until, replace(everyone, times=recent, held_until=until))
    changed[EVERYONE] = replace(everyone, times=(*recent, now), held_until=None)
    return Go(changed)


def _within(history: SendingHistory, now: datetime, window: timedelta) -> tuple[datetime, ...]:
    return tuple(time for time in history.times if now - time < window)
