"""Runs one service, if possible without the library that parses command lines.

The library takes 6 MB of memory in each process, and services do not need it. Therefore this module
recognizes the form that deployments and `mailcase up` use. The library parses any other form.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from services.cli.terminal.loading import DEFAULT_CONFIG, loaded
from services.runtime.logs import get_logger
from services.runtime.process.http import ANY_HOST
from services.runtime.process.lifecycle import run_service
from services.runtime.settings import Settings, masked

log = get_logger(__name__)

_PLAIN_SERVICES = {"fetcher", "router", "case-writer", "sender", "extractor"}
_MAX_PORT = 65535


def run(
    name: str,
    serve: Callable[..., Awaitable[None]],
    settings: Settings,
    http_port: int,
    http_host: str,
) -> None:
    """Run a service until it is stopped."""
    log.info("settings_loaded", settings=masked(settings))
    run_service(name, partial(serve, settings, http_port, http_host=http_host))


def plain_service(words: Sequence[str]) -> Callable[[], None] | None:
    """The service of a command line with nothing but its name and `--config`, `--http-port` and
    `--http-host`, each with a value after it; None for any other command line.
    """
    if not words or words[0] not in _PLAIN_SERVICES or len(words) % 2 == 0:
        return None
    options = dict(zip(words[1::2], words[2::2], strict=True))
    config = options.pop("--config", str(DEFAULT_CONFIG))
    port = options.pop("--http-port", "0")
    host = options.pop("--http-host", ANY_HOST)
    is_whole = not options and len(set(words[1::2])) == len(words) // 2
    are_values = all(value and not value.startswith("-") for value in (config, port, host))
    is_port = port.isascii() and port.isdigit() and len(port) < 6 and int(port) <= _MAX_PORT
    if not (is_whole and are_values and is_port):
        return None
    return partial(_run_plain, words[0], Path(config), int(port), host)


def _run_plain(name: str, config: Path, http_port: int, http_host: str) -> None:
    serve = import_module(f"services.{name.replace('-', '_')}.main").run
    run(name, serve, loaded(config, is_service=True), http_port, http_host)
