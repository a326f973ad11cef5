"""Dashboard "Mail flow": is mail flowing, how old is the oldest, where does it wait, what came of it?"""

from deploy.grafana.model import PER_SECOND, Dashboard, Panel, Query, Row, Variable
from deploy.grafana.promql import each_once, increase, percentiles, quantile, rate, series

PROCESS = 'process=~"$process"'
RECORDED = "mailcase_mails_recorded_total"
ON_TIME = 'le="60.0"'
AGE = "mailcase_mail_arrival_to_recorded_seconds"
OLDEST_UNFETCHED = "mailcase_mailbox_oldest_unfetched_age_seconds"
OLDEST_IN_FLIGHT = "mailcase_mailbox_oldest_in_flight_age_seconds"
WORK = r"router\\.mail|case_writer\\.commands|sender\\.work"
QUEUED = each_once("rabbitmq_detailed_queue_messages", "queue", f'queue=~"{WORK}"')
DEAD = each_once("rabbitmq_detailed_queue_messages", "queue", 'queue=~".+\\\\.dead"')
NEWER = each_once("rabbitmq_detailed_queue_messages", "queue", 'queue=~".+\\\\.newer"')
FETCHED = increase("mailcase_mailbox_mails_fetched_total")
ENDED = f"{increase(RECORDED)} + {increase('mailcase_mails_duplicate_total')}"

LEFT = series("mailcase_mailbox_mails_left")
UP = f"max by (namespace, mailbox) ({series('mailcase_mailbox_up')})"

FLOWING = Row(
    "Is mail flowing?",
    [
        Panel("Recorded a minute", [Query(f"60 * {rate(RECORDED, '', PROCESS)}")], kind="stat", width=4, decimals=1),
        Panel(
            "Oldest mail",
            [Query(f"max({series('mailcase:oldest_mail_age_seconds')})")],
            "s",
            "Since its arrival in the mailbox, without an outcome yet.",
            kind="stat",
            width=4,
            limits=(60, 600),
        ),
        Panel(
            "On time",
            [
                Query(
                    f"sum(increase({series(f'{AGE}_bucket', ON_TIME, PROCESS)}[$__range]))"
                    f" / sum(increase({series(f'{AGE}_count', PROCESS)}[$__range]))"
                )
            ],
            "percentunit",
            "Recorded within 60 s of the arrival in the mailbox, over the time shown. The objective is 99 %.",
            kind="stat",
            width=4,
            limits=(0.99, 0.95),
            below=True,
            decimals=2,
        ),
        Panel(
            "Waiting",
            [Query(f"sum({LEFT}) + sum({series('mailcase_mailbox_mails_in_flight')})")],
            description="In the mailboxes as last looked, and under way without an outcome.",
            kind="stat",
            width=4,
        ),
        Panel(
            "Parked",
            [Query(f"sum({series('mailcase:parked_mails')})")],
            description="Wait for a person: mailcase parked list.",
            kind="stat",
            width=4,
            limits=(1, 20),
        ),
        Panel(
            "Dead letters",
            [Query(f"sum({DEAD})")],
            description="Messages that could not be processed at all.",
            kind="stat",
            width=4,
            limits=(1, 10),
        ),
        Panel(
            "Mails a second",
            [
                Query(rate("mailcase_mailbox_mails_fetched_total"), "fetched"),
                Query(rate("mailcase_mails_routed_total", "", PROCESS), "routed"),
                Query(rate(RECORDED, "", PROCESS), "recorded"),
                Query(rate("mailcase_mails_duplicate_total", "", PROCESS), "known already"),
            ],
            PER_SECOND,
            "The lines lie on each other while nothing builds up.",
            width=12,
        ),
        Panel(
            "From arrival to recorded",
            percentiles(AGE, PROCESS),
            "s",
            "Exemplars are mail keys; look for one in the logs.",
            width=12,
            limits=(60, 600),
            exemplars=True,
        ),
    ],
)

WAITING = Row(
    "Where does it wait?",
    [
        Panel(
            "Oldest by place",
            [
                Query(f"max({series(OLDEST_UNFETCHED)})", "mailbox"),
                Query(f"max({series(OLDEST_IN_FLIGHT)})", "published, not recorded"),
                Query(f"max by (queue) ({series('mailcase_queue_oldest_age_seconds')})", "{{queue}}"),
                Query(f"max({series('mailcase_sender_outbox_oldest_age_seconds')})", "outbox"),
            ],
            "s",
            width=12,
        ),
        Panel(
            "Mails by place",
            [
                Query(f"sum({LEFT})", "mailbox"),
                Query(QUEUED, "{{queue}}"),
                Query(each_once("mailcase_sender_outbox_pending"), "outbox"),
                Query(NEWER, "{{queue}}"),
            ],
            description="What is in a queue whose name ends in newer waits for a stage of that version.",
            width=12,
        ),
        Panel(
            "Time in a queue (p95)",
            [Query(quantile(0.95, "mailcase_message_wait_seconds", "queue"), "{{queue}}")],
            "s",
        ),
        Panel(
            "Fetching is held up by",
            [Query(f"sum by (by) ({series('mailcase_mailbox_paused')})", "{{by}}")],
            description="Mailboxes that wait: for the broker (an alarm), the store, or receipts (the stages behind).",
        ),
        Panel(
            "Oldest by mailbox",
            [Query(f"topk(10, {series('mailcase:oldest_mail_age_seconds')})", "{{mailbox}}")],
            "s",
        ),
    ],
)

OUTCOMES = Row(
    "What came of it?",
    [
        Panel("By outcome", [Query(rate(RECORDED, "outcome", PROCESS), "{{outcome}}")], PER_SECOND, stacked=True),
        Panel("By process", [Query(rate(RECORDED, "process", PROCESS), "{{process}}")], PER_SECOND, stacked=True),
        Panel(
            "By rule",
            [Query(rate("mailcase_mails_routed_total", "rule", PROCESS), "{{rule}}")],
            PER_SECOND,
            "The rule of the router that decided.",
            stacked=True,
        ),
        Panel(
            "Parked, by reason",
            [
                Query(
                    f"{each_once('mailcase_parked_mails', 'process, reason', PROCESS)} > 0"
                    f" or sum({series('mailcase_parked_mails', PROCESS)}) * 0",
                    "{{process}} {{reason}}",
                )
            ],
            stacked=True,
        ),
        Panel(
            "Set aside, by reason",
            [
                Query(
                    rate(RECORDED, "reason", 'outcome=~"parked|ignored"', PROCESS),
                    "{{reason}}",
                )
            ],
            PER_SECOND,
            stacked=True,
        ),
        Panel(
            "Fetched and not accounted for",
            [Query(f"{FETCHED} - ({ENDED})", "difference")],
            description="Over the time shown; small and passing is what is in flight. Mails from files, retries and"
            " replays make it negative; so does a process that was killed.",
            signed=True,
        ),
    ],
)

MAILBOXES = Row(
    "Mailboxes",
    [
        Panel(
            "Mailboxes that can be read",
            [
                Query(f"sum({UP})", "up"),
                Query(f"count({UP})", "all"),
            ],
        ),
        Panel(
            "Failures",
            [
                Query(
                    f"{rate('mailcase_mailbox_failures_total', 'mailbox, kind')} > 0"
                    f" or sum({series('mailcase_mailbox_up')}) * 0",
                    "{{mailbox}} {{kind}}",
                )
            ],
            PER_SECOND,
        ),
        Panel(
            "Left in the mailbox for a person",
            [
                Query(increase("mailcase_mailbox_mails_too_large_total", "2h"), "too large"),
                Query(increase("mailcase_mailbox_mails_unreadable_total", "2h"), "unreadable"),
            ],
        ),
    ],
)

MAIL_FLOW = Dashboard(
    "mailcase-mail-flow",
    "Mailcase: mail flow",
    "Is mail flowing, how old is the oldest, where does it wait, what came of it?",
    [FLOWING, WAITING, OUTCOMES, MAILBOXES],
    [
        Variable("namespace", "Namespace", "mailcase_build_info"),
        Variable("process", "Process", series("mailcase_mails_recorded_total")),
    ],
)
