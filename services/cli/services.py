"""The commands that run one service each."""

from functools import partial
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from msgspec.structs import replace

from services.cli.service_process import run as run_process
from services.cli.terminal.output import DEFAULT_CONFIG, Config, HttpHost, HttpPort, loaded
from services.runtime.process.http import ANY_HOST

MaxMailboxes = Annotated[
    int | None,
    Parameter(
        name="--max-mailboxes",
        help="How many mailboxes to read at once; overrides `[fetcher].max_mailboxes`.",
        validator=Number(gte=1, lte=10_000),
    ),
]

Listen = Annotated[
    str | None,
    Parameter(
        name="--listen",
        help="HOST:PORT of the pages and the API; default: `[desk].listen` of the settings.",
    ),
]


def fetcher(
    *,
    config: Config = DEFAULT_CONFIG,
    http_port: HttpPort = 0,
    http_host: HttpHost = ANY_HOST,
    max_mailboxes: MaxMailboxes = None,
) -> None:
    """Fetch and publish every mail; remove it from the mailbox once its outcome is recorded."""
    from services.fetcher.main import run  # noqa: PLC0415 - a service loads only its own drivers

    settings = loaded(config, is_service=True)
    if max_mailboxes is not None:
        settings = replace(settings, fetcher=replace(settings.fetcher, max_mailboxes=max_mailboxes))
    run_process("fetcher", run, settings, http_port, http_host)


def router(
    *, config: Config = DEFAULT_CONFIG, http_port: HttpPort = 0, http_host: HttpHost = ANY_HOST
) -> None:
    """Decide for every mail whether it opens a case or joins one."""
    from services.router.main import run  # noqa: PLC0415 - as above

    run_process("router", run, loaded(config, is_service=True), http_port, http_host)


def case_writer(
    *, config: Config = DEFAULT_CONFIG, http_port: HttpPort = 0, http_host: HttpHost = ANY_HOST
) -> None:
    """Write cases, comments, attachments and outcomes."""
    from services.case_writer.main import run  # noqa: PLC0415 - as above

    run_process("case-writer", run, loaded(config, is_service=True), http_port, http_host)


def sender(
    *, config: Config = DEFAULT_CONFIG, http_port: HttpPort = 0, http_host: HttpHost = ANY_HOST
) -> None:
    """Send acknowledgements, and answers from cases."""
    from services.sender.main import run  # noqa: PLC0415 - as above

    run_process("sender", run, loaded(config, is_service=True), http_port, http_host)


def extractor(
    *, config: Config = DEFAULT_CONFIG, http_port: HttpPort = 0, http_host: HttpHost = ANY_HOST
) -> None:
    """Read the fields of cases from their mails and from invoices attached to them."""
    from services.extractor.main import run  # noqa: PLC0415 - as above

    run_process("extractor", run, loaded(config, is_service=True), http_port, http_host)


def desk(
    *,
    config: Config = DEFAULT_CONFIG,
    listen: Listen = None,
    http_port: HttpPort = 0,
    http_host: HttpHost = ANY_HOST,
) -> None:
    """Serve the pages and the HTTP API; health and metrics have a port of their own."""
    from services.cli.desk import tools  # noqa: PLC0415 - as above
    from services.desk.main import run  # noqa: PLC0415 - as above

    settings = loaded(config, is_service=True)
    serve = partial(run, tools=tools(settings), listen=listen)
    run_process("desk", serve, settings, http_port, http_host)
