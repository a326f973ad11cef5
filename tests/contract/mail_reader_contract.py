"""The contract of the port `MailReader`, which the adapter and the fake both pass. A subclass
provides the fixture `reader`.
"""

from collections.abc import AsyncIterator

import pytest

from services.case_writer.ports import MailReader
from services.case_writer.reading import read_mail
from services.runtime.errors import TransientError
from services.runtime.process.isolated import in_pieces

FILE = (
    b"From: anna@customer.example\r\nSubject: A file\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nSee the file\r\n"
    b"--b\r\nContent-Type: application/octet-stream\r\n"
    b'Content-Disposition: attachment; filename="a.bin"\r\n\r\ncontent\r\n--b--\r\n'
)
TEXT = b"From: jan@customer.example\r\nSubject: hello\r\n\r\ntext\r\n"


class MailReaderContract:
    async def test_each_mail_has_its_reading_in_the_order_of_the_mails(
        self, reader: MailReader
    ) -> None:
        mails = [FILE, TEXT, b"", FILE, TEXT]
        assert await reader.read_all([in_pieces(mail) for mail in mails]) == [
            read_mail(mail) for mail in mails
        ]

    async def test_a_mail_in_pieces_is_one_mail(self, reader: MailReader) -> None:
        pieces = [FILE[start : start + 7] for start in range(0, len(FILE), 7)]
        assert await reader.read_all([in_pieces(*pieces)]) == [read_mail(FILE)]

    async def test_no_mail_has_no_reading(self, reader: MailReader) -> None:
        assert await reader.read_all([]) == []

    async def test_an_error_of_the_pieces_is_raised_and_delays_no_other_mail(
        self, reader: MailReader
    ) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield TEXT * 100
            raise TransientError("the database is away")

        with pytest.raises(TransientError, match="the database is away"):
            await reader.read_all([in_pieces(TEXT), broken])
        assert await reader.read_all([in_pieces(TEXT)]) == [read_mail(TEXT)]
