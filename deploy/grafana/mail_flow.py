"""Dashboard "Mail flow": throughput, age of the oldest mail, backlog by place, outcomes."""

from deploy.grafana.model import PER_SECOND, Dashboard, Panel, Query, Row, Variable
from deploy.grafana.promql import each_once, increase, percentiles, quantile, rate, series

PROCESS = 'process=~"$process"'
RECORDED = "mailcase_mails_recorded_total"
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
        Panel(
            "Mails recorded per minute",
            [Query(f"60 * {rate(RECORDED, '', PROCESS)}")],
            kind="stat",
            width=4,
            decimals=1,
            description="Mails with a written outcome: opened, appended, ignored or parked.",
        ),
        Panel(
            "Oldest mail",
            [Query(f"max({series('mailcase:oldest_mail_age_seconds')})")],
            "s",
            "Age of the oldest mail without an outcome, since its arrival in the mailbox.",
            kind="stat",
            width=4,
            limits=(60, 600),
        ),
        Panel(
            "On time",
            [
                Query(
                    f"sum(sum_over_time({series('mailcase:mails_on_time:rate5m', PROCESS)}[$__range]))"
                    f" / sum(sum_over_time({series('mailcase:mails_recorded:rate5m', PROCESS)}[$__range]))"
                )
            ],
            "percentunit",
            "Share of mails recorded within 60 s of their arrival in the mailbox, over the time range"
            " shown. The objective is 99 %.",
            kind="stat",
            width=4,
            limits=(0.99, 0.95),
            below=True,
            decimals=2,
        ),
        Panel(
            "Mails waiting",
            [Query(f"sum({LEFT}) + sum({series('mailcase_mailbox_mails_in_flight')})")],
            description="Mails in the mailboxes at the last poll, plus mails in flight without an outcome.",
            kind="stat",
            width=4,
        ),
        Panel(
            "Parked mails",
            [Query(f"sum({series('mailcase:parked_mails')})")],
            description="Mails that wait for a person. See: mailcase parked list.",
            kind="stat",
            width=4,
            limits=(1, 20),
        ),
        Panel(
            "Dead letters",
            [Query(f"sum({DEAD})")],
            description="Messages that no service could process. See: mailcase dead list.",
            kind="stat",
            width=4,
            limits=(1, 10),
        ),
        Panel(
            "Mails per second",
            [
                Query(rate("mailcase_mailbox_mails_fetched_total"), "fetched"),
                Query(rate("mailcase_mails_routed_total", "", PROCESS), "routed"),
                Query(rate(RECORDED, "", PROCESS), "recorded"),
                Query(rate("mailcase_mails_duplicate_total", "", PROCESS), "duplicates"),
            ],
            PER_SECOND,
            "The lines overlap as long as no backlog builds up.",
            width=12,
        ),
        Panel(
            "Time from arrival to recorded",
            percentiles(AGE, PROCESS),
            "s",
            "The exemplars are mail keys. Search the logs for a key to follow that mail.",
            width=12,
            limits=(60, 600),
            exemplars=True,
        ),
    ],
)

WAITING = Row(
    "Where does mail wait?",
    [
        Panel(
            "Oldest mail by place",
            [
                Query(f"max({series(OLDEST_UNFETCHED)})", "mailbox"),
                Query(f"max({series(OLDEST_IN_FLIGHT)})", "published, not recorded"),
                Query(
                    f"max by (queue) ({series('mailcase_queue_oldest_age_seconds')})", "{{queue}}"
                ),
                Query(f"max({series('mailcase_sender_outbox_oldest_age_seconds')})", "outbox"),
            ],
            "s",
            width=12,
            description="The age of the oldest mail there. If it grows, the place does not keep up.",
        ),
        Panel(
            "Mails by place",
            [
                Query(f"sum({LEFT})", "mailbox"),
                Query(QUEUED, "{{queue}}"),
                Query(each_once("mailcase_sender_outbox_pending"), "outbox"),
                Query(NEWER, "{{queue}}"),
            ],
            description="A queue whose name ends in .newer holds messages for a newer version of a service.",
            width=12,
        ),
        Panel(
            "Time in a queue (p95)",
            [Query(quantile(0.95, "mailcase_message_wait_seconds", "queue"), "{{queue}}")],
            "s",
            description="From publishing a message until a consumer handles it.",
        ),
        Panel(
            "Fetching paused by",
            [Query(f"sum by (by) ({series('mailcase_mailbox_paused')})", "{{by}}")],
            description="Number of paused mailboxes, by cause: the broker (an alarm), the database, or"
            " missing receipts (a backlog downstream).",
        ),
        Panel(
            "Oldest mail by mailbox",
            [Query(f"topk(10, {series('mailcase:oldest_mail_age_seconds')})", "{{mailbox}}")],
            "s",
            description="The ten mailboxes whose oldest unrecorded mail is oldest.",
        ),
    ],
)

OUTCOMES = Row(
    "What became of the mail?",
    [
        Panel(
            "Mails by outcome",
            [Query(rate(RECORDED, "outcome", PROCESS), "{{outcome}}")],
            PER_SECOND,
            stacked=True,
            description="Each mail gets exactly one outcome.",
        ),
        Panel(
            "Mails by process",
            [Query(rate(RECORDED, "process", PROCESS), "{{process}}")],
            PER_SECOND,
            stacked=True,
            description="All outcomes together.",
        ),
        Panel(
            "Mails by rule",
            [Query(rate("mailcase_mails_routed_total", "rule", PROCESS), "{{rule}}")],
            PER_SECOND,
            "The router's rule that decided the outcome.",
            stacked=True,
        ),
        Panel(
            "Parked mails by reason",
            [
                Query(
                    f"{each_once('mailcase_parked_mails', 'process, reason', PROCESS)} > 0"
                    f" or sum({series('mailcase_parked_mails', PROCESS)}) * 0",
                    "{{process}} {{reason}}",
                )
            ],
            stacked=True,
            description="Mails that wait for a person now. See the command mailcase parked.",
        ),
        Panel(
            "Newly parked or ignored mails by reason",
            [
                Query(
                    rate(RECORDED, "reason", 'outcome=~"parked|ignored"', PROCESS),
                    "{{reason}}",
                )
            ],
            PER_SECOND,
            stacked=True,
            description="A sudden rise often follows a change of rules or settings.",
        ),
        Panel(
            "Fetched but not accounted for",
            [Query(f"{FETCHED} - ({ENDED})", "difference")],
            description="Mails fetched minus mails with an outcome, over the time range shown. A small positive"
            " value is mail in flight. Ingested files, retries, replays and killed processes make it"
            " negative.",
            signed=True,
        ),
    ],
)

MAILBOXES = Row(
    "Mailboxes",
    [
        Panel(
            "Readable mailboxes",
            [
                Query(f"sum({UP})", "up"),
                Query(f"count({UP})", "all"),
            ],
            description="Mailboxes that a fetcher can log in to and list.",
        ),
        Panel(
            "Failures by mailbox",
            [
                Query(
                    f"{rate('mailcase_mailbox_failures_total', 'mailbox, kind')} > 0"
                    f" or sum({series('mailcase_mailbox_up')}) * 0",
                    "{{mailbox}} {{kind}}",
                )
            ],
            PER_SECOND,
            description="Failed sessions, by kind. The log of the fetcher has the hint.",
        ),
        Panel(
            "Mails left in the mailbox for a person",
            [
                Query(increase("mailcase_mailbox_mails_too_large_total", "2h"), "too large"),
                Query(increase("mailcase_mailbox_mails_unreadable_total", "2h"), "unreadable"),
            ],
            description="Mails over limits.max_mail_bytes stay in the mailbox. The log of the fetcher names each.",
        ),
    ],
)

CASES = Row(
    "Cases",
    [
        Panel(
            "Overdue cases by process",
            [Query(each_once("mailcase_overdue_cases", "process", PROCESS), "{{process}}")],
            description="Open cases past their due date. See: mailcase case list --overdue.",
            width=12,
            limits=(1, 20),
            stacked=True,
        ),
    ],
)

MAIL_FLOW = Dashboard(
    "mailcase-mail-flow",
    "Mailcase: mail flow",
    "Throughput, age of the oldest mail, backlog by place, outcomes.",
    [FLOWING, WAITING, OUTCOMES, MAILBOXES, CASES],
    [
        Variable("namespace", "Namespace", "mailcase_build_info"),
        Variable("process", "Process", series("mailcase_mails_recorded_total")),
    ],
)
