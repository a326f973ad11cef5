"""Whether an automatic mail may go out now. Pure: what is known of the past goes in, a verdict comes out."""

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
    """When automatic mails went out; `version` is 0 where nothing is known, and grows by writing."""

    times: tuple[datetime, ...] = ()
    held_until: datetime | None = None
    version: int = 0


@dataclass(frozen=True)
class Go:
    """It may go out; `pasts` are to be written first, by their keys."""

    pasts: dict[str, SendingHistory]


@dataclass(frozen=True)
class Hold:
    """The circuit breaker is open until then. `tripped` is what to write where this mail opened it."""

    until: datetime
    tripped: SendingHistory | None = None


@dataclass(frozen=True)
class Suppress:
    """It is never sent."""

    reason: SuppressReason


Verdict = Go | Hold | Suppress


def address_key(address: str) -> str:
    """One key for all addresses of an account (RFC 5233)."""
    return f"to {base_address(address.lower())}"


def judge(mail: OutgoingMail, now: datetime, pasts: dict[str, SendingHistory], limits: SenderLimits) -> Verdict:
    """`pasts` has `EVERYONE` and, for an acknowledgement, the key of its address."""
    if now - mail.created_at > timedelta(seconds=limits.automatic_within_s):
        return Suppress(SuppressReason.TOO_LATE)
    everyone = pasts[EVERYONE]
    if everyone.held_until is not None and everyone.held_until > now:
        return Hold(everyone.held_until)
    changed: dict[str, SendingHistory] = {}
    if mail.kind == "acknowledgement" and limits.max_acknowledgements_per_address:
        key = address_key(mail.to[0])
        recent = _within(pasts[key], now, timedelta(seconds=limits.acknowledgements_window_s))
        if len(recent) >= limits.max_acknowledgements_per_address:
            return Suppress(SuppressReason.TOO_MANY_ACKNOWLEDGEMENTS)
        changed[key] = replace(pasts[key], times=(*recent, now))
    recent = _within(everyone, now, MINUTE)
    if len(recent) >= limits.max_automatic_mails_per_minute:
        until = now + timedelta(seconds=limits.breaker_pause_s)
        return Hold(until, replace(everyone, times=recent, held_until=until))
    changed[EVERYONE] = replace(everyone, times=(*recent, now), held_until=None)
    return Go(changed)


def _within(past: SendingHistory, now: datetime, window: timedelta) -> tuple[datetime, ...]:
    return tuple(one for one in past.times if now - one < window)
