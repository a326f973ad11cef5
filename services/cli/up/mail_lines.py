"""One line for each recorded mail, with subject and sender, which no log contains.

A separate thread reads them from the database, so that a slow database never delays the supervision
of the services. While the database does not respond, the lines have no subject.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Self

from schemas.stored import Mail, from_document
from services.cli.mail.summaries import MailSummary, summaries
from services.cli.up.messages import RecordedMail
from services.runtime.errors import MailcaseError
from services.runtime.settings import Settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store

AT_ONCE = 50
MAX_WAITING = 1000  # beyond this, lines are left out; the logs contain every mail


class MailLines:
    """Call `add` from the thread that reads the logs.

    `show` is called for each mail, with its `head`, its subject and its sender.
    """

    def __init__(self, settings: Settings, show: Callable[[str, str, str], None]) -> None:
        self._settings = settings
        self._show = show
        self._waiting: queue.Queue[RecordedMail | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="mail-lines", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        while True:
            try:
                self._waiting.put_nowait(None)
            except queue.Full:
                self._waiting.get_nowait()
            else:
                break
        self._thread.join(10)

    def add(self, mail: RecordedMail) -> None:
        try:
            self._waiting.put_nowait(mail)
        except queue.Full:
            return

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            mails = [first]
            ended = False
            while len(mails) < AT_ONCE and not self._waiting.empty():
                following = self._waiting.get_nowait()
                if following is None:
                    ended = True
                    break
                mails.append(following)
            self._show_all(mails)
            if ended:
                return

    def _show_all(self, mails: Sequence[RecordedMail]) -> None:
        try:
            found = asyncio.run(self._find([mail.key for mail in mails]))
        except MailcaseError:
            found = {}
        for mail in mails:
            process, summary = found.get(mail.key, (mail.mailbox, MailSummary()))
            self._show(head(mail, process), summary.subject, summary.sender)

    async def _find(self, keys: Sequence[str]) -> dict[str, tuple[str, MailSummary]]:
        """The process and the summary of each mail."""
        async with Store.opened(store_url(self._settings), self._settings.store.database) as store:
            documents = await store.collection(Mail.COLLECTION).find({"_id": {"$in": list(keys)}})
            mails = [from_document(document, Mail) for document in documents]
            known = await summaries(store, mails)
            return {mail.id: (mail.process, known.get(mail.id, MailSummary())) for mail in mails}


def head(mail: RecordedMail, process: str) -> str:
    """`#8     opened    invoices`: the case, or the key that commands take; the outcome."""
    number = f"#{mail.case}" if mail.case is not None else mail.key[:8]
    return f"{number:<6} {mail.outcome:<8}  {process:<12}"
