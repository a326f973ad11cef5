"""Dashboard "Mail flow": is mail flowing, how old is the oldest, where does it wait, what came of it?"""

from deploy.grafana.model import Dashboard, Panel, Query, Row, Variable
from deploy.grafana.promql import percentiles, quantile, rate

PROCESS = 'process=~"$process"'
RECORDED = f"mailcase_mails_recorded_total{{{PROCESS}}}"
AGE = "mailcase_mail_arrival_to_recorded_seconds"
OLDEST_UNFETCHED = "mailcase_mailbox_oldest_unfetched_age_seconds"
OLDEST_IN_FLIGHT = "mailcase_mailbox_oldest_in_flight_age_seconds"
WORK = r"router\\.mail|case_writer\\.commands|sender\\.work"
QUEUED = f'max by (queue) (rabbitmq_detailed_queue_messages{{queue=~"{WORK}"}})'
DEAD = 'rabbitmq_detailed_queue_messages{queue=~".+\\\\.dead"}'
NEWER = 'max by (queue) (rabbitmq_detailed_queue_messages{queue=~".+\\\\.newer"})'
FETCHED = "sum(increase(mailcase_mailbox_mails_fetched_total[$__range]))"
ENDED = (
    "sum(increase(mailcase_mails_recorded_total[$__range])) + sum(increase(mailcase_mails_duplicate_total[$__range]))"
)

FLOWING = Row(
    "Is mail flowing?",
    [
        Panel("Recorded a minute", [Query(f"60 * {rate(RECORDED)}")], kind="stat", width=4, decimals=1),
        Panel(
            "Oldest mail",
            [Query("max(mailcase:oldest_mail_age_seconds)")],
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
                    f'sum(increase({AGE}_bucket{{le="60.0", {PROCESS}}}[$__range]))'
                    f" / sum(increase({AGE}_count{{{PROCESS}}}[$__range]))"
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
            [Query("sum(mailcase_mailbox_mails_left) + sum(mailcase_mailbox_mails_in_flight)")],
            description="In the mailboxes as last looked, and under way without an outcome.",
            kind="stat",
            width=4,
        ),
        Panel(
            "Parked",
            [Query("sum(mailcase:parked_mails)")],
            description="Wait for a person: mailcase parked list.",
            kind="stat",
            width=4,
            limits=(1, 20),
        ),
        Panel(
            "Dead letters",
            [Query(f"sum(max by (queue) ({DEAD}))")],
            description="Messages that could not be processed at all.",
            kind="stat",
            width=4,
            limits=(1, 10),
        ),
        Panel(
            "Mails a second",
            [
                Query(rate("mailcase_mailbox_mails_fetched_total"), "fetched"),
                Query(rate(f"mailcase_mails_routed_total{{{PROCESS}}}"), "routed"),
                Query(rate(RECORDED), "recorded"),
                Query(rate(f"mailcase_mails_duplicate_total{{{PROCESS}}}"), "known already"),
            ],
            "reqps",
            "The lines lie on each other while nothing builds up.",
            width=12,
        ),
        Panel(
            "From arrival to recorded",
            percentiles(AGE, matchers=PROCESS),
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
                Query(f"max({OLDEST_UNFETCHED})", "mailbox"),
                Query(f"max({OLDEST_IN_FLIGHT})", "published, not recorded"),
                Query("max by (queue) (mailcase_queue_oldest_age_seconds)", "{{queue}}"),
                Query("max(mailcase_sender_outbox_oldest_age_seconds)", "outbox"),
            ],
            "s",
            width=12,
        ),
        Panel(
            "Mails by place",
            [
                Query("sum(mailcase_mailbox_mails_left)", "mailbox"),
                Query(QUEUED, "{{queue}}"),
                Query("max(mailcase_sender_outbox_pending)", "outbox"),
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
            [Query("sum by (by) (mailcase_mailbox_paused)", "{{by}}")],
            description="Mailboxes that wait: for the broker (an alarm), the store, or receipts (the stages behind).",
        ),
        Panel(
            "Oldest by mailbox",
            [Query("topk(10, mailcase:oldest_mail_age_seconds)", "{{mailbox}}")],
            "s",
        ),
    ],
)

OUTCOMES = Row(
    "What came of it?",
    [
        Panel("By outcome", [Query(rate(RECORDED, "outcome"), "{{outcome}}")], "reqps", stacked=True),
        Panel("By process", [Query(rate(RECORDED, "process"), "{{process}}")], "reqps", stacked=True),
        Panel(
            "By rule",
            [Query(rate(f"mailcase_mails_routed_total{{{PROCESS}}}", "rule"), "{{rule}}")],
            "reqps",
            "The rule of the router that decided.",
            stacked=True,
        ),
        Panel(
            "Parked, by reason",
            [
                Query(
                    f"sum by (process, reason) (max by (process, reason) (mailcase_parked_mails{{{PROCESS}}})) > 0"
                    f" or sum(mailcase_parked_mails{{{PROCESS}}}) * 0",
                    "{{process}} {{reason}}",
                )
            ],
            stacked=True,
        ),
        Panel(
            "Set aside, by reason",
            [
                Query(
                    rate(f'mailcase_mails_recorded_total{{outcome=~"parked|ignored", {PROCESS}}}', "reason"),
                    "{{reason}}",
                )
            ],
            "reqps",
            stacked=True,
        ),
        Panel(
            "Fetched and not accounted for",
            [Query(f"{FETCHED} - ({ENDED})", "difference")],
            description="Over the time shown; small and passing is what is in flight. Mails from files, retries and"
            " replays make it negative; so does a process that was killed.",
        ),
    ],
)

MAILBOXES = Row(
    "Mailboxes",
    [
        Panel(
            "Mailboxes that can be read",
            [
                Query("sum(max by (mailbox) (mailcase_mailbox_up))", "up"),
                Query("count(max by (mailbox) (mailcase_mailbox_up))", "all"),
            ],
        ),
        Panel(
            "Failures",
            [
                Query(
                    rate("mailcase_mailbox_failures_total", "mailbox, kind") + " > 0 or sum(mailcase_mailbox_up) * 0",
                    "{{mailbox}} {{kind}}",
                )
            ],
            "reqps",
        ),
        Panel(
            "Left in the mailbox for a person",
            [
                Query("sum(increase(mailcase_mailbox_mails_too_large_total[2h]))", "too large"),
                Query("sum(increase(mailcase_mailbox_mails_unreadable_total[2h]))", "unreadable"),
            ],
        ),
    ],
)

MAIL_FLOW = Dashboard(
    "mailcase-mail-flow",
    "Mailcase: mail flow",
    "Is mail flowing, how old is the oldest, where does it wait, what came of it?",
    [FLOWING, WAITING, OUTCOMES, MAILBOXES],
    [Variable("process", "Process", "mailcase_mails_recorded_total")],
)
