"""Dashboard "Stages": of each stage its throughput, latency, errors, saturation and replicas."""

from deploy.grafana.model import PER_SECOND, Dashboard, Panel, Query, Row, Variable
from deploy.grafana.promql import RATE, each_once, mean, of_stage, percentiles, quantile, rate, series

WORK = 'queue!~".*archive|fetcher\\\\..*"'

CPU = f"rate({series('process_cpu_seconds_total')}{RATE})"
LAG = f"rate({series('mailcase_event_loop_lag_seconds_bucket')}{RATE})"

OVERVIEW = Row(
    "All stages",
    [
        Panel("Replicas", [Query(f"count by (stage) ({series('mailcase_build_info')})", "{{stage}}")], width=6),
        Panel(
            "Versions",
            [Query(f"count by (stage, version) ({series('mailcase_build_info')})", "{{stage}} {{version}}")],
            width=6,
        ),
        Panel(
            "Servers that answer",
            [Query(f"min by (dependency) ({series('mailcase_dependency_up')})", "{{dependency}}, at every process")],
            description="0 while at least one process does not reach it.",
            width=6,
        ),
        Panel("Attempts repeated", [Query(rate("mailcase_retries_total", "what"), "{{what}}")], PER_SECOND, width=6),
        Panel(
            "Processors in use, by stage",
            [Query(f"sum by (stage) ({of_stage(CPU)})", "{{stage}}")],
            description="1 is one whole core.",
        ),
        Panel(
            "Memory, largest replica of each stage",
            [Query(f"max by (stage) ({of_stage(series('process_resident_memory_bytes'))})", "{{stage}}")],
            "bytes",
        ),
        Panel(
            "Event loop late by (p99)",
            [Query(f"histogram_quantile(0.99, sum by (le, stage) ({of_stage(LAG)}))", "{{stage}}")],
            "s",
            "How much later than asked for a process's event loop turned. Over a second, something blocks it: look at"
            " its processor, and at what it reads.",
            limits=(1, 5),
        ),
    ],
)

QUEUES = Row(
    "Router, case writer and sender, by the queue that each works on",
    [
        Panel("Throughput", [Query(rate("mailcase_batch_mails_sum", "queue"), "{{queue}}")], PER_SECOND),
        Panel("Time of a batch", percentiles("mailcase_batch_seconds", shares=(0.5, 0.99), by="queue"), "s"),
        Panel("Mails in a batch (mean)", [Query(mean("mailcase_batch_mails", "queue"), "{{queue}}")]),
        Panel(
            "Busy",
            [
                Query(
                    f"{rate('mailcase_batch_seconds_sum', 'queue')}"
                    f" / count by (queue) ({series('mailcase_batch_seconds_count')})",
                    "{{queue}}",
                )
            ],
            "percentunit",
            "The share of time in which a replica works on a batch. Near 100 %: this stage needs more replicas.",
            limits=(0.7, 0.9),
        ),
        Panel(
            "In hand, of what is delivered ahead",
            [
                Query(
                    f"sum by (queue) ({series('mailcase_messages_in_hand')})"
                    f" / sum by (queue) ({series('mailcase_messages_in_hand_limit')})",
                    "{{queue}}",
                )
            ],
            "percentunit",
        ),
        Panel(
            "Waiting in the queue",
            [Query(each_once("rabbitmq_detailed_queue_messages_ready", "queue", WORK), "{{queue}}")],
        ),
        Panel(
            "Errors",
            [
                Query(rate("mailcase_batch_failures_total", "queue"), "given up {{queue}}"),
                Query(rate("mailcase_messages_dead_lettered_total", "queue"), "dead {{queue}}"),
                Query(rate("mailcase_messages_redelivered_total", "queue"), "redelivered {{queue}}"),
            ],
            PER_SECOND,
        ),
        Panel(
            "Consumers",
            [Query(each_once("rabbitmq_detailed_queue_consumers", "queue", WORK), "{{queue}}")],
        ),
        Panel(
            "Oldest in hand",
            [Query(f"max by (queue) ({series('mailcase_queue_oldest_age_seconds')})", "{{queue}}")],
            "s",
        ),
    ],
)

FETCHER = Row(
    "Fetcher",
    [
        Panel(
            "Mails fetched a second",
            [Query(rate("mailcase_mailbox_mails_fetched_total"), "mails")],
            PER_SECOND,
            width=6,
        ),
        Panel("Bytes fetched a second", [Query(rate("mailcase_mailbox_bytes_fetched_total"), "bytes")], "Bps", width=6),
        Panel("Time to fetch a batch", percentiles("mailcase_fetch_seconds"), "s", width=6),
        Panel("Mails fetched in a batch (p50)", [Query(quantile(0.5, "mailcase_fetch_mails"), "mails")], width=6),
        Panel(
            "Mailboxes by replica",
            [Query(f"sum by (instance) ({series('mailcase_mailbox_lease_held')})", "{{instance}}")],
            width=6,
        ),
        Panel(
            "Without a reader",
            [Query(f"min by (mailbox) ({series('mailcase_mailbox_unread_seconds')})", "{{mailbox}}")],
            "s",
            "Since a fetcher was seen to have the lease: below ten seconds where all is well.",
            width=6,
        ),
        Panel(
            "Since the last look",
            [
                Query(
                    f"time() - max by (mailbox) ({series('mailcase_mailbox_last_success_timestamp_seconds')})",
                    "{{mailbox}}",
                )
            ],
            "s",
            "Since a look into the mailbox succeeded: below its poll interval where all is well.",
            width=6,
        ),
        Panel("Under way", [Query(f"sum({series('mailcase_mailbox_in_flight_bytes')})", "bytes")], "bytes", width=6),
        Panel(
            "Published again",
            [Query(rate("mailcase_mailbox_mails_republished_total"), "receipt late")],
            PER_SECOND,
            width=6,
        ),
        Panel("Log-ins", [Query(rate("mailcase_mailbox_connects_total"), "log-ins")], PER_SECOND, width=6),
    ],
)

CASE_WRITER = Row(
    "Case writer",
    [
        Panel("Time to read a mail", percentiles("mailcase_mail_read_seconds"), "s", width=6),
        Panel("Time of a transaction", percentiles("mailcase_transaction_seconds"), "s", width=6),
        Panel(
            "Transactions repeated, batches split",
            [
                Query(rate("mailcase_transaction_conflicts_total"), "conflicts"),
                Query(rate("mailcase_batches_split_total"), "splits"),
            ],
            PER_SECOND,
            "Conflicts rise with the number of writers; when they rise and throughput does not, there are too many.",
            width=6,
        ),
        Panel("From fetched to recorded", percentiles("mailcase_mail_end_to_end_seconds"), "s", width=6),
    ],
)

BROKER = Row(
    "Publishing",
    [
        Panel(
            "Messages confirmed",
            [Query(rate("mailcase_messages_published_total", "exchange"), "{{exchange}}")],
            PER_SECOND,
        ),
        Panel(
            "Time to the confirm (p99)",
            [Query(quantile(0.99, "mailcase_publish_confirm_seconds", "exchange"), "{{exchange}}")],
            "s",
        ),
        Panel(
            "Not taken, alarms",
            [
                Query(
                    rate("mailcase_messages_unconfirmed_total", "exchange"),
                    "not taken {{exchange}}",
                ),
                Query(f"max({series('rabbitmq_alarms_free_disk_space_watermark')})", "disk alarm"),
                Query(f"max({series('rabbitmq_alarms_memory_used_watermark')})", "memory alarm"),
            ],
        ),
    ],
)

SENDER = Row(
    "Sender",
    [
        Panel(
            "Came to its end", [Query(rate("mailcase_sender_mails_total", "state"), "{{state}}")], PER_SECOND, width=6
        ),
        Panel(
            "Attempts",
            [Query(rate("mailcase_sender_attempts_total", "smtp, result"), "{{smtp}} {{result}}")],
            PER_SECOND,
            width=6,
        ),
        Panel("Time of an attempt", percentiles("mailcase_sender_send_seconds"), "s", width=6),
        Panel(
            "Outbox",
            [
                Query(each_once("mailcase_sender_outbox_pending"), "pending"),
                Query(f"max({series('mailcase_sender_breaker_open')})", "held by the breaker"),
            ],
            width=6,
        ),
    ],
)

STAGES = Dashboard(
    "mailcase-stages",
    "Mailcase: stages",
    "Of each stage its throughput, latency, errors, saturation and replicas.",
    [OVERVIEW, QUEUES, FETCHER, CASE_WRITER, BROKER, SENDER],
    [Variable("namespace", "Namespace", "mailcase_build_info")],
)
