"""The fakes pass the contracts of the ports that they implement."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from services.case_writer.ports import Outlet
from tests.contract.blobs_contract import BlobsContract
from tests.contract.cases_contract import CasesContract
from tests.contract.mail_reader_contract import MailReaderContract
from tests.contract.mail_source_contract import MailSourceContract
from tests.contract.outlet_contract import OutletContract, Received
from tests.contract.seen_ids_contract import SeenIdsContract
from tests.fake_mailbox import FakeMailbox, FakeMailSource, FakeSeenIds
from tests.fakes import FakeBlobs, FakeCases, FakeOutlet, InProcessReader


class TestFakeCases(CasesContract):
    @pytest.fixture
    def cases(self) -> FakeCases:
        return FakeCases()


class TestFakeBlobs(BlobsContract):
    @pytest.fixture
    def blobs(self) -> FakeBlobs:
        return FakeBlobs()


class TestInProcessReader(MailReaderContract):
    @pytest.fixture
    def reader(self) -> InProcessReader:
        return InProcessReader()


class TestFakeOutlet(OutletContract):
    @pytest.fixture
    def nowhere(self) -> str:
        return "nowhere"

    @pytest.fixture
    def routed(self) -> str:
        return "routed"

    @pytest.fixture
    def outlet(self, nowhere: str) -> FakeOutlet:
        return FakeOutlet([nowhere])

    @pytest.fixture
    def received(self, outlet: Outlet) -> Received:
        async def bodies(_count: int) -> list[bytes]:
            assert isinstance(outlet, FakeOutlet)
            return [message.body for message in outlet.published]

        return bodies


@pytest.mark.parametrize("can_flag", [True, False])
class TestFakeMailSource(MailSourceContract):
    @pytest.fixture
    def mailbox(self) -> FakeMailbox:
        return FakeMailbox()

    @pytest.fixture
    def source(self, mailbox: FakeMailbox, can_flag: bool) -> FakeMailSource:
        return FakeMailSource(
            mailbox, received_at=datetime(2026, 3, 1, tzinfo=UTC), can_flag=can_flag
        )

    @pytest.fixture
    def deliver(self, mailbox: FakeMailbox) -> Callable[[bytes], str]:
        return mailbox.deliver


class TestFakeSeenIds(SeenIdsContract):
    @pytest.fixture
    def seen_ids(self) -> FakeSeenIds:
        return FakeSeenIds()

    @pytest.fixture
    def other_mailbox(self) -> FakeSeenIds:
        return FakeSeenIds()
