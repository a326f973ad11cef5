"""Dashboard "Services": throughput, latency, errors, saturation and replicas of each service."""

from deploy.grafana.model import PER_SECOND, Dashboard, Panel, Query, Row, Variable
from deploy.grafana.promql import (
    RATE,
    each_once,
    mean,
    percentiles,
    quantile,
    rate,
    series,
    with_service,
)

WORK = 'queue!~".*archive|fetcher\\\\..*"'

CPU = f"rate({series('process_cpu_seconds_total')}{RATE})"

FLEET = Row(
    "The fleet at a glance",
    [
        Panel(
            "Running processes",
            [Query(f"count by (service) ({series('mailcase_build_info')})", "{{service}}")],
            kind="stat",
            description="A service that is missing here does not run, or is not scraped.",
            width=12,
        ),
        Panel(
            "Connected to broker and database",
            [
                Query(
                    f"min by (service) ({with_service(series('mailcase_dependency_up'))})",
                    "{{service}}",
                )
            ],
            kind="stat",
            description="1 if every process of the service reaches its servers, 0 if one does not.",
            width=12,
            limits=(1, 0.5),
            below=True,
        ),
    ],
)

OVERVIEW = Row(
    "All services",
    [
        Panel(
            "Replicas",
            [Query(f"count by (service) ({series('mailcase_build_info')})", "{{service}}")],
            width=6,
            description="Running processes of each service.",
        ),
        Panel(
            "Versions",
            [
                Query(
                    f"count by (service, version) ({series('mailcase_build_info')})",
                    "{{service}} {{version}}",
                )
            ],
            width=6,
            description="More than one version of a service is normal only during a rollout.",
        ),
        Panel(
            "Connections to broker and database",
            [
                Query(
                    f"min by (dependency) ({series('mailcase_dependency_up')})",
                    "{{dependency}}, in every process",
                )
            ],
            description="1 while every process can reach the server, 0 while at least one cannot.",
            width=6,
        ),
        Panel(
            "Retries",
            [Query(rate("mailcase_retries_total", "what"), "{{what}}")],
            PER_SECOND,
            width=6,
            description="Repeated attempts by what is retried. They rise while a server is away.",
        ),
        Panel(
            "CPU cores in use, by service",
            [Query(f"sum by (service) ({with_service(CPU)})", "{{service}}")],
            description="1 is one whole core.",
        ),
        Panel(
            "Memory of the largest replica, by service",
            [
                Query(
                    f"max by (service) ({with_service(series('process_resident_memory_bytes'))})",
                    "{{service}}",
                )
            ],
            "bytes",
            description="Compare it with the limit of the container.",
        ),
        Panel(
            "Event loop lag (p99)",
            [Query(quantile(0.99, "mailcase_event_loop_lag_seconds", "service"), "{{service}}")],
            "s",
            "How late the event loop of a process runs its timers. If it exceeds a second, something"
            " blocks the loop: check the CPU of the process and the mails that it reads.",
            limits=(1, 5),
        ),
    ],
)

QUEUES = Row(
    "Router, case writer, sender and extractor, by the queue they consume",
    [
        Panel(
            "Throughput",
            [Query(rate("mailcase_batch_mails_sum", "queue"), "{{queue}}")],
            PER_SECOND,
            description="Mails that the consumers of each queue handle.",
        ),
        Panel(
            "Batch duration",
            percentiles("mailcase_batch_seconds", shares=(0.5, 0.99), by="queue"),
            "s",
            description="From taking a batch of messages until its effect is written.",
        ),
        Panel(
            "Batch size (mean)",
            [Query(mean("mailcase_batch_mails", "queue"), "{{queue}}")],
            description="Batches grow when messages wait in the queue.",
        ),
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
            "Share of time that a replica spends on batches. Near 100 %, the service needs more replicas.",
            limits=(0.7, 0.9),
        ),
        Panel(
            "Prefetch in use",
            [
                Query(
                    f"sum by (queue) ({series('mailcase_messages_in_hand')})"
                    f" / sum by (queue) ({series('mailcase_messages_in_hand_limit')})",
                    "{{queue}}",
                )
            ],
            "percentunit",
            description="The share of the prefetch limit that is taken. Near 1, the service is the bottleneck.",
        ),
        Panel(
            "Messages ready in the queue",
            [
                Query(
                    each_once("rabbitmq_detailed_queue_messages_ready", "queue", WORK), "{{queue}}"
                )
            ],
            description="Messages that no consumer holds.",
        ),
        Panel(
            "Errors",
            [
                Query(rate("mailcase_batch_failures_total", "queue"), "failed {{queue}}"),
                Query(
                    rate("mailcase_messages_dead_lettered_total", "queue"),
                    "dead-lettered {{queue}}",
                ),
                Query(
                    rate("mailcase_messages_redelivered_total", "queue"), "redelivered {{queue}}"
                ),
            ],
            PER_SECOND,
            description="Batches that failed and are retried.",
        ),
        Panel(
            "Consumers",
            [Query(each_once("rabbitmq_detailed_queue_consumers", "queue", WORK), "{{queue}}")],
            description="0 means that nobody reads the queue.",
        ),
        Panel(
            "Oldest unacknowledged message",
            [Query(f"max by (queue) ({series('mailcase_queue_oldest_age_seconds')})", "{{queue}}")],
            "s",
            description="The age of the oldest message that a consumer holds or that a queue keeps.",
        ),
    ],
)

FETCHER = Row(
    "Fetcher",
    [
        Panel(
            "Mails fetched per second",
            [Query(rate("mailcase_mailbox_mails_fetched_total"), "mails")],
            PER_SECOND,
            width=6,
            description="Mails read from all mailboxes.",
        ),
        Panel(
            "Bytes fetched per second",
            [Query(rate("mailcase_mailbox_bytes_fetched_total"), "bytes")],
            "Bps",
            width=6,
            description="Bytes read from all mailboxes.",
        ),
        Panel(
            "Fetch duration",
            percentiles("mailcase_fetch_seconds"),
            "s",
            width=6,
            description="The time of one fetch command with its batch of mails.",
        ),
        Panel(
            "Mails per fetch (p50)",
            [Query(quantile(0.5, "mailcase_fetch_mails"), "mails")],
            width=6,
            description="Batches grow when a mailbox has a backlog.",
        ),
        Panel(
            "Mailboxes per replica",
            [Query(f"sum by (instance) ({series('mailcase_mailbox_lease_held')})", "{{instance}}")],
            width=6,
            description="Leases held by each fetcher. They even out within seconds after a replica starts or stops.",
        ),
        Panel(
            "Without a reader",
            [
                Query(
                    f"min by (mailbox) ({series('mailcase_mailbox_unread_seconds')})", "{{mailbox}}"
                )
            ],
            "s",
            "Time since any fetcher held the lease of the mailbox. Normal: below ten seconds.",
            width=6,
        ),
        Panel(
            "Since the last successful poll",
            [
                Query(
                    f"time() - max by (mailbox) ({series('mailcase_mailbox_last_success_timestamp_seconds')})",
                    "{{mailbox}}",
                )
            ],
            "s",
            "Normal: below the poll interval of the mailbox.",
            width=6,
        ),
        Panel(
            "Bytes in flight",
            [Query(f"sum({series('mailcase_mailbox_in_flight_bytes')})", "bytes")],
            "bytes",
            width=6,
            description="Mails published and without a receipt yet. Their sum is bounded per fetcher.",
        ),
        Panel(
            "Republished mails",
            [Query(rate("mailcase_mailbox_mails_republished_total"), "no receipt in time")],
            PER_SECOND,
            width=6,
            description="Mails whose receipt did not come within five minutes. The case writer recognizes them.",
        ),
        Panel(
            "Log-ins",
            [Query(rate("mailcase_mailbox_connects_total"), "log-ins")],
            PER_SECOND,
            width=6,
            description="New sessions with mail servers. A steady rate means that sessions break.",
        ),
    ],
)

CASE_WRITER = Row(
    "Case writer",
    [
        Panel(
            "Time to read a mail",
            percentiles("mailcase_mail_read_seconds"),
            "s",
            width=6,
            description="Parsing of a mail by the case writer, without the database.",
        ),
        Panel(
            "Transaction duration",
            percentiles("mailcase_transaction_seconds"),
            "s",
            width=6,
            description="One transaction writes a batch of mails.",
        ),
        Panel(
            "Transaction conflicts, batches split",
            [
                Query(rate("mailcase_transaction_conflicts_total"), "conflicts"),
                Query(rate("mailcase_batches_split_total"), "splits"),
            ],
            PER_SECOND,
            "Conflicts rise with the number of case writers. If they rise and throughput does not, run fewer.",
            width=6,
        ),
        Panel(
            "Time from fetched to recorded",
            percentiles("mailcase_mail_end_to_end_seconds"),
            "s",
            width=6,
            description="From reading a mail from its mailbox until its outcome is written.",
        ),
    ],
)

BROKER = Row(
    "Publishing",
    [
        Panel(
            "Messages confirmed",
            [Query(rate("mailcase_messages_published_total", "exchange"), "{{exchange}}")],
            PER_SECOND,
            description="Messages that the broker has confirmed to publishers.",
        ),
        Panel(
            "Publisher confirm latency (p99)",
            [Query(quantile(0.99, "mailcase_publish_confirm_seconds", "exchange"), "{{exchange}}")],
            "s",
            description="From publishing until the broker's confirm.",
        ),
        Panel(
            "Unconfirmed messages, broker alarms",
            [
                Query(
                    rate("mailcase_messages_unconfirmed_total", "exchange"),
                    "unconfirmed {{exchange}}",
                ),
                Query(f"max({series('rabbitmq_alarms_free_disk_space_watermark')})", "disk alarm"),
                Query(f"max({series('rabbitmq_alarms_memory_used_watermark')})", "memory alarm"),
            ],
            description="During a memory or disk alarm, the broker confirms nothing. Mail waits in the mailboxes.",
        ),
    ],
)

SENDER = Row(
    "Sender",
    [
        Panel(
            "Finished mails, by state",
            [Query(rate("mailcase_sender_mails_total", "state"), "{{state}}")],
            PER_SECOND,
            width=6,
            description="Outgoing mail: sent, refused by the server, given up, suppressed or recalled.",
        ),
        Panel(
            "Delivery attempts",
            [Query(rate("mailcase_sender_attempts_total", "smtp, result"), "{{smtp}} {{result}}")],
            PER_SECOND,
            width=6,
            description="Attempts by SMTP server and result. Deferred mail is retried.",
        ),
        Panel(
            "Attempt duration",
            percentiles("mailcase_sender_send_seconds"),
            "s",
            width=6,
            description="One hand-over to an SMTP server.",
        ),
        Panel(
            "Outbox",
            [
                Query(each_once("mailcase_sender_outbox_pending"), "pending"),
                Query(f"max({series('mailcase_sender_breaker_open')})", "circuit breaker open"),
            ],
            width=6,
            description="Mails that wait to be sent, and whether a limit holds back automatic mail.",
        ),
        Panel(
            "SMTP servers",
            [Query(f"min by (smtp) ({series('mailcase_sender_server_up')})", "{{smtp}}")],
            description="1 while sessions with the server succeed, 0 after one failed for at least one sender.",
            width=6,
        ),
    ],
)

EXTRACTOR = Row(
    "Extractor",
    [
        Panel(
            "Extractions, by kind and result",
            [Query(rate("mailcase_extractions_total", "kind, result"), "{{kind}} {{result}}")],
            PER_SECOND,
            "The kind is the format of an invoice, or another source of values. The result is read, or"
            " the flag that says what was wrong.",
            width=6,
        ),
        Panel(
            "Time to read the fields of a mail",
            percentiles("mailcase_extraction_seconds"),
            "s",
            width=6,
            description="Reading of the mail and its attachments, with the child process.",
        ),
        Panel(
            "Time from a recorded mail to its fields",
            percentiles("mailcase_extraction_lag_seconds"),
            "s",
            width=6,
            description="Until the report is with the case writer.",
        ),
        Panel(
            "Conflicts and duplicates",
            [
                Query(rate("mailcase_field_conflicts_total", "process"), "conflicts {{process}}"),
                Query(rate("mailcase_field_duplicates_total", "process"), "duplicates {{process}}"),
            ],
            PER_SECOND,
            "Cases flagged because mails or people disagree on a field, and cases linked as duplicates.",
            width=6,
        ),
    ],
)

DESK = Row(
    "Desk",
    [
        Panel(
            "Requests, by status",
            [Query(rate("mailcase_desk_requests_total", "status"), "{{status}}")],
            PER_SECOND,
            description="Answers to people and programs. 5xx are faults of the desk or an outage.",
            width=6,
        ),
        Panel(
            "Request duration",
            percentiles("mailcase_desk_request_seconds"),
            "s",
            "Until the end of the answer. Streams of live events are left out.",
            width=6,
        ),
        Panel(
            "Slowest routes (p95)",
            [
                Query(
                    f"topk(10, {quantile(0.95, 'mailcase_desk_request_seconds', 'method, route')})",
                    "{{method}} {{route}}",
                )
            ],
            "s",
            "The ten routes with the highest p95.",
            width=6,
        ),
        Panel(
            "Requests in progress, open streams",
            [
                Query(f"sum({series('mailcase_desk_requests_in_progress')})", "requests"),
                Query(f"sum({series('mailcase_desk_streams')})", "streams"),
            ],
            description="Each open page holds one stream of live events.",
            width=6,
        ),
    ],
)

SERVICES = Dashboard(
    "mailcase-services",
    "Mailcase: services",
    "Throughput, latency, errors, saturation and replicas of each service.",
    [FLEET, OVERVIEW, QUEUES, FETCHER, CASE_WRITER, EXTRACTOR, BROKER, SENDER, DESK],
    [Variable("namespace", "Namespace", "mailcase_build_info")],
)
