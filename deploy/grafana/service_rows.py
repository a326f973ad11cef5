"""Rows of the dashboard "Services" that belong to one service each."""

from deploy.grafana.model import PER_SECOND, Panel, Query, Row
from deploy.grafana.promql import each_once, percentiles, quantile, rate, series

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
