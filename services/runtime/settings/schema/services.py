"""The limits of each service, and how long data is kept. One struct per section; see `file.py`."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.runtime.settings.fields import (
    GIB,
    KIB,
    MIB,
)


class Archive(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the stream `mail.archive` keeps mails for replay; the limit that is reached first
    applies.
    """

    max_age_days: Annotated[float, Meta(gt=0, le=36_500)] = 30.0
    max_bytes: Annotated[int, Meta(ge=MIB, le=1024 * 1024 * GIB)] = 20 * GIB


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How large a mail may be, and how it travels."""

    # RabbitMQ 4 refuses messages over 16 MiB (max_message_size); 1 MiB is left for the rest of the
    # message.
    inline_mail_bytes: Annotated[int, Meta(ge=0, le=15 * MIB)] = MIB
    # Reading a mail of 100 MiB stays within the 300 MB that one mail may take.
    max_mail_bytes: Annotated[int, Meta(ge=KIB, le=100 * MIB)] = 50 * MIB


class Fetcher(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fetcher's share of the mailboxes."""

    max_mailboxes: Annotated[int, Meta(ge=1, le=10_000)] = 100
    # Bytes of mails between the mail servers and the broker, over all mailboxes of one fetcher; a
    # larger mail passes alone.
    max_buffered_bytes: Annotated[int, Meta(ge=1, le=16 * GIB)] = 32 * MIB


class Logs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the services log to standard error."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Up(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many processes of a service `mailcase up` runs; None: as many as suit the cores."""

    routers: Annotated[int, Meta(ge=1, le=100)] | None = None
    case_writers: Annotated[int, Meta(ge=1, le=100)] | None = None
    senders: Annotated[int, Meta(ge=1, le=100)] | None = None
    extractors: Annotated[int, Meta(ge=1, le=100)] | None = None


class Router(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The router's share of the queue."""

    # In AMQP 0-9-1, the prefetch count has 16 bits.
    prefetch_mails: Annotated[int, Meta(ge=1, le=65_535)] = 100


class CaseWriter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many mails the case writer writes in one transaction."""

    batch_mails: Annotated[int, Meta(ge=1, le=1000)] = 100


class Extractor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of a mail is read for fields; a mail over these limits is flagged and keeps its
    case.
    """

    prefetch_mails: Annotated[int, Meta(ge=1, le=1000)] = 20
    # For a mail with all its attachments, in a process of its own.
    max_seconds: Annotated[float, Meta(gt=0, le=600)] = 4.0
    max_memory_bytes: Annotated[int, Meta(ge=128 * MIB, le=16 * GIB)] = 300 * MIB
    # A larger attachment is not examined.
    max_document_bytes: Annotated[int, Meta(ge=KIB, le=100 * MIB)] = 20 * MIB


class SenderLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How mail is sent, and the limits for automatic mail, which apply to all senders together."""

    mails_at_once: Annotated[int, Meta(ge=1, le=100)] = 4
    sweep_interval_s: Annotated[float, Meta(gt=0, le=3600)] = 5.0
    # Pauses between attempts double from the first to the second.
    retry_first_s: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    retry_longest_s: Annotated[float, Meta(gt=0, le=86_400)] = 1800.0
    # RFC 5321 section 4.5.4.1 recommends four or five days, but people want to know sooner.
    give_up_after_s: Annotated[float, Meta(gt=0, le=2_592_000)] = 172_800.0
    # 0: no limit.
    max_acknowledgements_per_address: Annotated[int, Meta(ge=0, le=1000)] = 5
    acknowledgements_window_s: Annotated[float, Meta(gt=0, le=86_400)] = 3600.0
    max_automatic_mails_per_minute: Annotated[int, Meta(ge=1, le=1000)] = 60
    breaker_pause_s: Annotated[float, Meta(gt=0, le=86_400)] = 300.0
    # An automatic mail that is not sent by then is never sent.
    automatic_within_s: Annotated[float, Meta(gt=0, le=2_592_000)] = 86_400.0
    max_recipients: Annotated[int, Meta(ge=1, le=1000)] = 100
    max_mail_bytes: Annotated[int, Meta(ge=64 * KIB, le=100 * MIB)] = 25 * MIB


class Reading(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of a mail is read. Parts over a limit are left out, and the whole mail is kept with
    the case.
    """

    max_header_bytes: Annotated[int, Meta(ge=KIB, le=16 * MIB)] = 256 * KIB
    max_nesting: Annotated[int, Meta(ge=1, le=1000)] = 40
    max_parts: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    max_attachments: Annotated[int, Meta(ge=0, le=10_000)] = 500
    max_text_chars: Annotated[int, Meta(ge=KIB, le=2_000_000)] = 500_000
    max_html_chars: Annotated[int, Meta(ge=KIB, le=5_000_000)] = 1_000_000
    max_html_bytes: Annotated[int, Meta(ge=KIB, le=5_000_000)] = 3_000_000
    max_subject_chars: Annotated[int, Meta(ge=80, le=10_000)] = 2000
    max_recipients: Annotated[int, Meta(ge=1, le=10_000)] = 500
    # A mail over these two limits is parked.
    max_seconds: Annotated[float, Meta(gt=0, le=600)] = 5.0
    max_memory_bytes: Annotated[int, Meta(ge=128 * MIB, le=16 * GIB)] = 320 * MIB
