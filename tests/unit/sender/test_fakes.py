"""The fakes pass the contracts of the sender's ports."""

import pytest

from schemas.stored import OutgoingMail
from tests.contract.outbox_contract import OutboxContract, Put, Stored
from tests.contract.transport_contract import TransportContract
from tests.unit.sender.fakes import FakeOutbox, FakeTransport, answer_by_name, no_session


class TestFakeOutbox(OutboxContract):
    @pytest.fixture
    def outbox(self) -> FakeOutbox:
        return FakeOutbox()

    @pytest.fixture
    def put(self, outbox: FakeOutbox) -> Put:
        async def put(mails: list[OutgoingMail]) -> None:
            outbox.mails |= {mail.id: mail for mail in mails}

        return put

    @pytest.fixture
    def stored(self, outbox: FakeOutbox) -> Stored:
        async def stored(mail_id: str) -> OutgoingMail:
            return outbox.mails[mail_id]

        return stored


class TestFakeTransport(TransportContract):
    @pytest.fixture
    def transport(self) -> FakeTransport:
        return FakeTransport(answer_by_name)

    @pytest.fixture
    def unreachable(self) -> FakeTransport:
        return FakeTransport(no_session)
