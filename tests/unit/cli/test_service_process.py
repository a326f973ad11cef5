"""A service that is started in the plain form runs as if the library had parsed the command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.cli import main, service_process, services
from services.cli.service_process import plain_service
from services.cli.terminal import loading, output

SERVICES = ["fetcher", "router", "case-writer", "sender", "extractor"]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The calls that would run a service."""
    found: list[Any] = []

    def record(name: str, serve: Callable[..., Any], *rest: object) -> None:
        found.append((name, serve.__module__, *rest))

    def loaded(config: Path, *, is_service: bool) -> tuple[Path, bool]:
        return config, is_service

    for module, name in ((service_process, "run"), (services, "run_process")):
        monkeypatch.setattr(module, name, record)
    for user in (service_process, services, output, loading):
        monkeypatch.setattr(user, "loaded", loaded)
    return found


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--config", "a b.toml"],
        ["--http-port", "8080"],
        ["--http-host", "127.0.0.1", "--config", "/etc/mailcase/mailcase.toml", "--http-port", "0"],
    ],
)
def test_the_plain_form_means_the_same_as_any_other(
    service: str, options: list[str], runs: list[Any]
) -> None:
    assert plain_service([service, *options]) is not None
    other = [f"{name}={value}" for name, value in zip(options[::2], options[1::2], strict=True)]
    other = other or ["--http-port=0"]
    assert plain_service([service, *other]) is None
    for words in ([service, *options], [service, *other]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    assert runs[0] == runs[1]
    assert runs[0][:2] == (service, f"services.{service.replace('-', '_')}.main")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["version"],
        ["desk"],  # it has more options
        ["router", "--help"],
        ["router", "mailcase.toml"],
        ["router", "--config"],
        ["router", "--config", ""],
        ["router", "--config", "--http-port"],
        ["router", "--config", "a.toml", "--config", "b.toml"],
        ["router", "--http-port", "65536"],
        ["router", "--http-port", "-1"],
        ["router", "--http-port", "eighty"],
        ["router", "--http-port", "８０"],
        ["router", "--wrong", "1"],
        ["fetcher", "--max-mailboxes", "3"],
        ["--", "router"],
    ],
)
def test_any_other_form_goes_to_the_library(words: list[str]) -> None:
    assert plain_service(words) is None
