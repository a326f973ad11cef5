"""The contract of the port `Outlet`, which the broker and the fake both pass.

A subclass provides the fixtures `outlet`, `routed` (an exchange whose messages all reach a queue),
`nowhere` (an exchange without a queue) and `received`, which waits for a number of messages and
returns their bodies.
"""

from collections.abc import Awaitable, Callable

import pytest

from services.case_writer.ports import Outlet
from services.runtime.broker.messages import Outgoing
from services.runtime.errors import TransientError

Received = Callable[[int], Awaitable[list[bytes]]]


def message(exchange: str, body: bytes, *, mandatory: bool = True) -> Outgoing:
    return Outgoing(
        exchange, "case.opened.invoices", body, "Test.v1", body.decode(), mandatory=mandatory
    )


class OutletContract:
    async def test_messages_are_out_in_their_order(
        self, outlet: Outlet, routed: str, received: Received
    ) -> None:
        bodies = [str(number).encode() for number in range(20)]
        await outlet.publish_all([message(routed, body) for body in bodies])
        assert await received(20) == bodies

    async def test_nothing_to_publish_is_no_error(self, outlet: Outlet) -> None:
        await outlet.publish_all([])

    async def test_a_mandatory_message_without_a_queue_is_a_transient_failure(
        self, outlet: Outlet, routed: str, nowhere: str, received: Received
    ) -> None:
        with pytest.raises(TransientError):
            await outlet.publish_all([message(nowhere, b"lost"), message(routed, b"kept")])
        assert await received(1) == [b"kept"]

    async def test_an_unroutable_event_is_not_a_failure(self, outlet: Outlet, nowhere: str) -> None:
        await outlet.publish_all([message(nowhere, b"unheard", mandatory=False)])
