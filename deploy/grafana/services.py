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
from deploy.grafana.service_rows import CASE_WRITER, DESK, EXTRACTOR, FETCHER, SENDER

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

SERVICES = Dashboard(
    "mailcase-services",
    "Mailcase: services",
    "Throughput, latency, errors, saturation and replicas of each service.",
    [FLEET, OVERVIEW, QUEUES, FETCHER, CASE_WRITER, EXTRACTOR, BROKER, SENDER, DESK],
    [Variable("namespace", "Namespace", "mailcase_build_info")],
)
