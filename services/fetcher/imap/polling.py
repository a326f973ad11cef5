"""How soon to poll a mailbox for new mail in addition to IDLE. Pure."""

# IDLE has a delay: Dovecot collects changes for half a second before it announces them
# (NOTIFY_DELAY_MSECS in
# its mailbox-watch.c), but answers a NOOP with the current state.
IDLE_LATENCY_S = 0.5
MIN_POLL_S = 0.01
_SILENCE_DIVISOR = 40  # about 200 polls after the last mail


def next_poll_s(silence_s: float) -> float | None:
    """Seconds until the next poll, `silence_s` after the last mail; None if IDLE is as fast.

    The pause is a fortieth of the silence: on average a mail waits for an eightieth of the time
    without mail.
    """
    pause_s = max(MIN_POLL_S, silence_s / _SILENCE_DIVISOR)
    return pause_s if pause_s < IDLE_LATENCY_S else None
