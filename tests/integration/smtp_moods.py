"""An SMTP server whose behavior depends on the name of the recipient."""

import asyncio
from collections import Counter
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.servers.smtp import SmtpSink, TakenMail

FAULTS = {"later": 3, "hang": 1, "cut": 2, "lost": 2, "never": 10**6}


class MoodySink(SmtpSink):
    """The local part of the recipient decides:

    - `later@…`: answers 451 three times;
    - `hang@…`: accepts the mail and once never answers;
    - `cut@…`: accepts the mail and closes the connection, twice;
    - `lost@…`: closes the connection without accepting the mail;
    - `never@…`: always answers 451;
    - `no@…`: rejects the mail;
    - `unknown@…`: rejects the recipient;
    - `grey@…`: defers the recipient at the first RCPT.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.attempts: Counter[str] = Counter()

    async def take(self, server: SMTP, mail: TakenMail) -> str:
        mood = mail.recipients[0].partition("@")[0]
        self.attempts[mood] += 1
        if mood == "no":
            return "554 5.7.1 refused by policy"
        if self.attempts[mood] > FAULTS.get(mood, 0):
            return await super().take(server, mail)
        if mood in {"later", "never"}:
            return "451 4.3.0 try again later"
        if mood in {"hang", "cut"}:
            await super().take(server, mail)
        if mood == "hang":
            await asyncio.sleep(3600)
        assert isinstance(server.transport, asyncio.Transport)
        server.transport.abort()
        return "421 never heard"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        name = address.partition("@")[0]
        self.attempts[f"rcpt {name}"] += 1
        if name == "unknown":
            return "550 5.1.1 no such user"
        if name == "grey" and self.attempts["rcpt grey"] == 1:
            return "450 4.7.1 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def taken_by(self, address: str) -> list[TakenMail]:
        return [mail for mail in self.mails if address in mail.recipients]
