"""The contract of the port `Transport`, which the adapter and the fake both pass.

A subclass provides the fixtures `transport`, whose server decides by the local part of the
recipient (`unknown` is rejected, `grey` is deferred, others are accepted), and `unreachable`, whose
server is down.
"""

import pytest

from services.sender.ports import Transport

US = "invoices@office.example"
ANNA, UNKNOWN, GREY = "anna@x.example", "unknown@x.example", "grey@x.example"
MAIL = b"Subject: one\r\n\r\ntext\r\n"


class TransportContract:
    async def test_an_accepted_mail_is_accepted_for_all(self, transport: Transport) -> None:
        result = await transport.send(US, [ANNA, "eva@x.example"], MAIL)
        assert sorted(result.accepted) == [ANNA, "eva@x.example"]
        assert (result.rejected, result.deferred, result.session) == ({}, {}, "held")

    @pytest.mark.parametrize("recipients", [[ANNA, UNKNOWN, GREY], [UNKNOWN, GREY]])
    async def test_every_recipient_has_one_outcome(
        self, transport: Transport, recipients: list[str]
    ) -> None:
        result = await transport.send(US, recipients, MAIL)
        assert list(result.accepted) == [address for address in recipients if address == ANNA]
        assert list(result.rejected) == [UNKNOWN]
        assert list(result.deferred) == [GREY]
        assert result.rejected[UNKNOWN].startswith("550 ")
        assert result.deferred[GREY].startswith("450 ")
        assert result.session == "held"

    async def test_a_server_that_is_down_defers_every_recipient(
        self, unreachable: Transport
    ) -> None:
        result = await unreachable.send(US, [ANNA, UNKNOWN], MAIL)
        assert sorted(result.deferred) == [ANNA, UNKNOWN]
        assert all(result.deferred.values())
        assert (list(result.accepted), result.rejected, result.session) == ([], {}, "failed")
