"""Every operation with generated requests: no status of 500 or above, and each response matches the
description.
"""

import asyncio
import socket
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from schemas.stored import Mail
from services.desk.app import build_app
from services.desk.desk import Desk
from services.desk.http.descriptions.files import descriptions
from services.desk.http.server import serve
from services.runtime.process.lifecycle import Stop
from tests.integration.desk.conftest import KnownPeople, OpenCase

EXAMPLES = 2  # for each operation and mode
HEADERS = {"x-test-user": "ada", "sec-fetch-site": "same-origin"}


def check_operation(operation: Any, base_url: str, mode: GenerationMode) -> None:
    """Send what the strategy generates, and validate the response against the description."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Case[Any]) -> None:
        response = case.call(base_url=base_url, headers=HEADERS, timeout=20)
        assert response.status_code != 500, f"{case.as_curl_command()}: {response.text}"
        # Without a broker, what has to be published now is refused.
        if response.status_code != 503:
            operation.validate_response(response)

    check()


async def test_every_answer_is_as_described(desk: Desk, opened: OpenCase, parked: Mail) -> None:
    for number in (1, 2):
        await opened(number)
    schema = schemathesis.openapi.from_dict(descriptions()["openapi.json"])
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 40
    stop, failures = Stop(), []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        serving = asyncio.ensure_future(serve(build_app(desk, KnownPeople()), listener, stop))
        try:
            for operation in operations:
                if "events" in operation.path:
                    continue  # an answer without an end
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                    try:
                        await asyncio.to_thread(check_operation, operation, base_url, mode)
                    except Exception as error:  # noqa: BLE001 - all operations are reported at once
                        failures.append(f"{operation.label} ({mode.value}): {error}"[:600])
        finally:
            stop.request()
            await serving
    assert not failures, "\n\n".join(failures)
