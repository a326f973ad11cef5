"""Every operation with generated requests: no status of 500 or above, and each response matches the
description. `-m slow` sends more requests.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from deploy.local import PrivateServers
from schemas.stored import Mail
from services.casework.publisher import ChangePublisher
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.http.descriptions.files import descriptions
from services.desk.http.server import serve
from services.runtime.broker.configured import topology_of
from services.runtime.process.lifecycle import Stop
from tests.integration.brokers import connected
from tests.integration.desk.conftest import KnownPeople, OpenCase

HEADERS = {"x-test-user": "ada", "sec-fetch-site": "same-origin"}


def check_operation(operation: Any, port: int, mode: GenerationMode, examples: int) -> None:
    """Send what the strategy generates, and validate the response against the description."""

    @settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Case[Any]) -> None:
        response = case.call(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, timeout=20)
        assert response.status_code < 500, f"{case.as_curl_command()}: {response.text}"
        operation.validate_response(response)

    check()


def check_stream(operation: Any, port: int) -> None:
    """The response has no end: only its beginning is compared with the description."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    with closing(connection):
        connection.request("GET", operation.path, headers=HEADERS)
        response = connection.getresponse()
        media = response.headers.get_content_type()
        described = operation.definition.raw["responses"]["200"]["content"]
        assert (response.status, media in described) == (200, True), operation.label


@pytest.fixture
async def publishing_desk(
    servers: PrivateServers, no_settling: None, desk: Desk
) -> AsyncIterator[Desk]:
    async with connected(servers) as broker:
        await broker.declare(topology_of(desk.settings))
        desk.events.connected(broker, ChangePublisher(desk.store, broker))
        yield desk
        desk.events.disconnected()


# `number` examples are sent for each operation and mode.
@pytest.mark.parametrize("number", [2, pytest.param(50, marks=pytest.mark.slow)])
async def test_every_answer_is_as_described(
    number: int, publishing_desk: Desk, opened: OpenCase, parked: Mail
) -> None:
    for case in (1, 2):
        await opened(case)
    schema = schemathesis.openapi.from_dict(descriptions()["openapi.json"])
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 40
    app = build_app(publishing_desk, KnownPeople())
    stop, failures = Stop(), []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.ensure_future(serve(app, listener, stop))
        try:
            for operation in operations:
                if operation.path.endswith("/events"):
                    await asyncio.to_thread(check_stream, operation, port)
                    continue
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                    try:
                        await asyncio.to_thread(check_operation, operation, port, mode, number)
                    except Exception as error:  # noqa: BLE001 - all operations are reported at once
                        failures.append(f"{operation.label} ({mode.value}): {error}"[:600])
        finally:
            stop.request()
            await serving
    assert not failures, "\n\n".join(failures)
