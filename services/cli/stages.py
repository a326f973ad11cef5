"""One command a stage."""

from functools import partial

from services.cli.common import DEFAULT_CONFIG, Config, HttpPort, loaded
from services.runtime.lifecycle import run_stage
from services.runtime.logs import get_logger
from services.runtime.settings import masked

log = get_logger(__name__)


def fetcher(config: Config = DEFAULT_CONFIG, http_port: HttpPort = 0) -> None:
    """Read the mailboxes and publish every mail; remove it once its outcome is recorded."""
    from services.fetcher.main import run  # noqa: PLC0415 - a stage loads its own drivers only

    settings = loaded(config)
    log.info("settings_loaded", settings=masked(settings))
    run_stage("fetcher", partial(run, settings, http_port))


def router(config: Config = DEFAULT_CONFIG, http_port: HttpPort = 0) -> None:
    """Decide for every mail whether it opens a case or belongs to one."""
    from services.router.main import run  # noqa: PLC0415 - as above

    settings = loaded(config)
    log.info("settings_loaded", settings=masked(settings))
    run_stage("router", partial(run, settings, http_port))


def case_writer(config: Config = DEFAULT_CONFIG, http_port: HttpPort = 0) -> None:
    """Write cases, comments, attachments and outcomes."""
    from services.case_writer.main import run  # noqa: PLC0415 - as above

    settings = loaded(config)
    log.info("settings_loaded", settings=masked(settings))
    run_stage("case-writer", partial(run, settings, http_port))


def sender(config: Config = DEFAULT_CONFIG, http_port: HttpPort = 0) -> None:
    """Mail acknowledgements and answers from cases."""
    from services.sender.main import run  # noqa: PLC0415 - as above

    settings = loaded(config)
    log.info("settings_loaded", settings=masked(settings))
    run_stage("sender", partial(run, settings, http_port))
