"""Supplies the desk with the parts of other services that it needs."""

import asyncio
from functools import partial

from msgspec.structs import replace

from schemas.cases import Command
from schemas.mails import RawMail
from services.case_writer.main import isolated_reader
from services.case_writer.ports import UnreadableMailError
from services.cli.check import open_mailbox
from services.desk.accounts.accounts import Accounts
from services.desk.ports import LoginTest, ReadMail, Tools
from services.fetcher.ports import MailboxError
from services.router.policy import policies
from services.router.service import decide
from services.runtime.process.isolated import in_pieces
from services.runtime.settings import Settings
from services.runtime.store.configured import store_url
from services.runtime.store.mongo import Store


def tools(settings: Settings) -> Tools:
    """The router's rules, the case writer's reader and the fetcher's log-in, for the desk."""
    policy_of = policies(settings)

    def decided(mail: RawMail) -> Command:
        return decide(mail, policy_of(mail.process, mail.mailbox))

    return Tools(
        decide=decided,
        read=partial(_read, settings),
        test_login=partial(_test_login, settings),
    )


def first_link(settings: Settings, url: str) -> str | None:
    """A one-time link for the first visitor of the desk at `url`; None once it has users.

    Raises TransientError.
    """
    base = settings.desk.public_url or url.rstrip("/")

    async def made() -> str | None:
        async with Store.opened(store_url(settings), settings.store.database) as store:
            return await Accounts(store, replace(settings.desk, public_url=base)).first_link()

    return asyncio.run(made())


async def _read(settings: Settings, content: bytes) -> ReadMail:
    """The mail, read in a child process that ends with it: it may be hostile."""
    async with isolated_reader(settings) as reader:
        try:
            read = await reader.read(in_pieces(content))
        except UnreadableMailError as error:
            return ReadMail(author="", subject="", text="", files=(), defects=(error.reason,))
    return ReadMail(
        author=read.author.address,
        subject=read.subject,
        text=read.text,
        files=[file.name for file in read.attachments],
        defects=read.defects,
    )


async def _test_login(settings: Settings, mailbox: str) -> LoginTest:
    try:
        detail = await asyncio.to_thread(open_mailbox, settings, settings.mailboxes[mailbox])
    except MailboxError as error:
        problem = error.problem.value
        return LoginTest(False, str(error), error.hint, problem=problem, answer=error.answer)
    return LoginTest(ok=True, detail=detail)
