"""How soon to ask a mailbox for new mail, beside what its server tells by itself. Pure."""

# IDLE is not at once: Dovecot gathers changes for half a second before it tells of them (NOTIFY_DELAY_MSECS in its
# mailbox-watch.c), while it answers a NOOP with what is there now.
IDLE_LATENCY_S = 0.5
MIN_POLL_S = 0.03
_PART_OF_SILENCE = 40  # about 150 looks after a mail that no other follows


def next_poll_s(silence_s: float) -> float | None:
    """Seconds until the next look, `silence_s` after the last new mail; None where IDLE tells as soon.

    A fortieth of the silence: a mail waits in the mean an eightieth as long as none came before it.
    """
    pause_s = max(MIN_POLL_S, silence_s / _PART_OF_SILENCE)
    return pause_s if pause_s < IDLE_LATENCY_S else None
