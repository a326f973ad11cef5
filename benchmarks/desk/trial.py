"""The desk over many cases: how long people wait, and what it weighs. The desk runs as a process of
its own.

Budgets are those of docs/performance.md. The database is filled by `cases.py`; the case writer
takes part only where mails wait.
"""

import asyncio
import gzip
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote

import msgspec

from benchmarks.baseline.broker import Link
from benchmarks.baseline.mails import BENCH
from benchmarks.desk.cases import PEOPLE, REVISION, STAGES, fill
from benchmarks.desk.client import HttpClient, StatusError, at_rate
from benchmarks.environment import Ground
from benchmarks.mails import mail_set
from benchmarks.meter import peak_rss_mb
from benchmarks.peers.ticket_list import tickets_list
from benchmarks.report.results import DeskFigure, DeskLoad
from benchmarks.search import queries
from benchmarks.speed import Feed
from benchmarks.trials import raw_mail
from deploy.local.services import Services
from schemas.cases import Decision, OpenCase
from schemas.changes import Actor, Change, Titled
from schemas.codec import encode
from services.casework.publisher import event_message
from services.cli.desk import tools
from services.desk.accounts.accounts import Accounts
from services.desk.accounts.web.cookies import Cookies
from services.desk.build import build_desk, ensure_indexes
from services.runtime.broker.connection import Broker
from services.runtime.broker.topology import CASE_WRITER_COMMANDS
from services.runtime.errors import TransientError
from services.runtime.settings import Settings, load_settings
from services.runtime.store.mongo import Store
from tests.pipeline import Pipeline

PROCESSES = (BENCH, *(f"p{number}" for number in range(2, 9)))
RATE, SECONDS = 20.0, 15.0  # requests per second, of each kind
STREAMS, EVENTS_A_S, STREAM_SECONDS = 300, 100, 10
STREAMS_EACH = 20
WAITING, ACTIONS, ACTIONS_A_S = 50_000, 100, 5.0
_PUBLISHED_TOGETHER = 1_000
_INDEX_PATIENCE_S = 7_200.0
_ASSETS = re.compile(rb'(?:src|href)="(/static/[^"]+)"')


async def desk_figures(
    ground: Ground, cases: int, helpdesk_python: str | None
) -> AsyncIterator[DeskFigure | DeskLoad]:
    """All figures for so many cases, and those of django-helpdesk's list if an interpreter has
    it."""
    trial = DeskTrial(ground, cases)
    try:
        yield await trial.load()
        async with trial.running() as desk:
            async for figure in request_figures(desk):
                yield figure
            yield await _page_weight(desk)
            yield await _streams(desk, trial)
            async for figure in _waiting_mails(desk, trial):
                yield figure
            yield _once("peak memory", cases, peak_rss_mb(trial.pids()), "MB", budget=150)
    finally:
        trial.pipeline.close()
    if helpdesk_python is not None:
        folder = ground.fresh_folder("helpdesk-list")
        async for figure in tickets_list(helpdesk_python, folder, cases):
            yield figure


Fill = Callable[[str, str, Sequence[str], int], None]  # see `cases.fill`


@dataclass(frozen=True)
class RunningDesk:
    """A running desk: for a program, for a person with a browser, and for programs with streams."""

    cases: int
    api: HttpClient
    browser: HttpClient
    listeners: Sequence[HttpClient]


class DeskTrial:
    """A virtual host, a database and the desk's process on them."""

    def __init__(self, ground: Ground, cases: int, fill: Fill = fill) -> None:
        mailboxes = {name: f"{name}.desk@bench.example" for name in PROCESSES}
        self.pipeline = Pipeline(ground.servers, ground.fresh_folder("desk"), mailboxes)
        self.cases = cases
        self._fill = fill
        self._services: Services | None = None
        with self.pipeline.config.open("a") as config:
            for name in PROCESSES:
                config.write(_stages(name))

    @property
    def broker_url(self) -> str:
        return self.pipeline.env["MAILCASE_BROKER_URL"]

    async def load(self) -> DeskLoad:
        """Fill the database, then make the indexes that the desk declares."""
        started = time.monotonic()
        url, database = self.pipeline.servers.store.url, self.pipeline.database_name
        await asyncio.to_thread(self._fill, url, database, PROCESSES, self.cases)
        loaded = time.monotonic()
        settings = self._settings()
        async with Store.opened(url, database) as store:
            desk = build_desk(settings, store, "http://127.0.0.1", tools(settings))
            while True:  # the server completes an index even after the time limit
                try:
                    await ensure_indexes(desk)
                    break
                except TransientError:
                    if time.monotonic() > loaded + _INDEX_PATIENCE_S:
                        raise
        return DeskLoad(self.cases, loaded - started, time.monotonic() - loaded)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RunningDesk]:
        """The desk's process, ready."""
        port = self.pipeline.servers.broker.ports.get(f"desk-{self.pipeline.folder.name}")
        arguments = {"desk": ["--listen", f"127.0.0.1:{port}"]}
        services = Services(
            self.pipeline.config,
            self.pipeline.folder,
            {"desk": 1},
            env=self.pipeline.env,
            arguments=arguments,
        )
        self._services = services
        tokens, cookie = await self._accounts(f"http://127.0.0.1:{port}")
        clients = [HttpClient(port, {"authorization": f"Bearer {token}"}) for token in tokens]
        browser = HttpClient(port, {"cookie": cookie})
        services.start()
        try:
            await asyncio.to_thread(services.wait_until_ready, _INDEX_PATIENCE_S)
            yield RunningDesk(self.cases, clients[0], browser, clients[1:])
        finally:
            for client in (*clients, browser):
                client.close()
            await asyncio.to_thread(services.stop)

    def pids(self) -> list[int]:
        return list(self._services.all[0].pids) if self._services else []

    async def _accounts(self, url: str) -> tuple[list[str], str]:
        """Tokens with every scope that work needs, and a session's cookie."""
        scopes = ["cases:read", "cases:work"]
        settings = self._settings()
        store_url, database = self.pipeline.servers.store.url, self.pipeline.database_name
        async with Store.opened(store_url, database) as store:
            accounts = Accounts(store, settings.desk)
            users = [
                (await accounts.add_user(address, f"Person {number}", (), admin=False, by="bench"))[
                    0
                ]
                for number, address in enumerate(PEOPLE)
            ]
            needed = 1 + STREAMS // STREAMS_EACH
            tokens = [
                (await accounts.tokens.create(f"bench {number}", scopes, owner=users[number].id))[0]
                for number in range(needed)
            ]
            value, _ = await accounts.sessions.begin(users[0], "127.0.0.1", "bench")
        return tokens, f"{Cookies.of(url).session}={value}"

    def _settings(self) -> Settings:
        return load_settings(self.pipeline.config, self.pipeline.env)


def _stages(process: str) -> str:
    """More stages in the settings, `registration` being there."""
    lines = []
    for name in (*STAGES[1:], "paid"):
        lines += [f"[[process.{process}.stage]]", f'name = "{name}"']
    return "\n".join([*lines, "final = true", ""])


async def request_figures(
    desk: RunningDesk, seconds_each: float = SECONDS
) -> AsyncIterator[DeskFigure]:
    """Lists, cases and searches, each kind for itself, at a steady rate."""
    chance, texts = random.Random(5), list(queries(desk.cases))

    def case(_number: int) -> str:
        return str(chance.randint(1, desk.cases))

    def listed(number: int) -> str:
        process = PROCESSES[number % len(PROCESSES)]
        kinds = (
            "/todo",
            "/mine",
            "/unassigned",
            "/all",
            "/closed",
            f"/all?process={process}",
            f"/all?process={process}&stage={STAGES[number % len(STAGES)]}",
            "/all?sort=due",
            "/all?overdue=true",
        )
        return kinds[number % len(kinds)]

    def searched(number: int) -> str:
        return quote(texts[number % len(texts)])

    api, browser = desk.api, desk.browser
    kinds: Sequence[tuple[str, HttpClient, Callable[[int], str], float]] = (
        ("work list, page", browser, listed, 50),
        ("work list, API", api, lambda number: _as_api(listed(number)), 50),
        ("case, page", browser, lambda number: f"/cases/{case(number)}", 50),
        ("case, API", api, lambda number: f"/api/v1/cases/{case(number)}", 50),
        ("search, page", browser, lambda number: f"/search?q={searched(number)}", 150),
        ("search, API", api, lambda number: f"/api/v1/search?q={searched(number)}", 150),
    )
    for what, client, path, budget in kinds:
        asking = _asking(client, path)
        await at_rate(RATE, 20, asking)  # what the first requests load is not counted
        seconds = await at_rate(RATE, round(RATE * seconds_each), asking)
        yield _figure(what, desk.cases, seconds, budget)


def _asking(client: HttpClient, path: Callable[[int], str]) -> Callable[[int], Awaitable[object]]:
    async def ask(number: int) -> None:
        try:
            await client.ask(path(number))
        except StatusError as error:
            # a search that takes too long is refused, and counts with the time that it took
            if not (error.status == HTTPStatus.BAD_REQUEST and "/search?" in str(error)):
                raise

    return ask


def _as_api(page: str) -> str:
    """The request of the API that answers what a list's page shows."""
    name, _, query = page.strip("/").partition("?")
    assignee = {"todo": "&assignee=todo", "mine": "&assignee=me", "unassigned": "&assignee="}
    status = "closed" if name == "closed" else "open"
    more = f"&{query}" if query else ""
    return f"/api/v1/cases?status={status}&total=true{assignee.get(name, '')}{more}"


async def _page_weight(desk: RunningDesk) -> DeskFigure:
    """The heavier of a list and a case with all that a browser's first visit loads, compressed."""
    weights = []
    for path in ("/all", f"/cases/{desk.cases // 2}"):
        page = await desk.browser.ask(path)
        assets = sorted(set(_ASSETS.findall(page.body)))
        files = [await desk.browser.ask(asset.decode()) for asset in assets]
        own = page.wire_bytes if "content-encoding" in page.headers else _zipped(page.body)
        weights.append((own + sum(file.wire_bytes for file in files)) / 1000)
    return _once("page weight", desk.cases, max(weights), "kB", budget=60)


def _zipped(content: bytes) -> int:
    return len(gzip.compress(content, 6))


async def _streams(desk: RunningDesk, trial: DeskTrial) -> DeskFigure:
    """Events of cases published at a steady rate, and when each stream shows them."""
    published: dict[int, float] = {}
    delays: list[float] = []
    async with (
        Broker.connected(trial.broker_url, "bench") as broker,
        AsyncExitStack() as stack,
    ):
        clients = [desk.listeners[number // STREAMS_EACH] for number in range(STREAMS)]
        streams = [
            await stack.enter_async_context(client.stream("/api/v1/events")) for client in clients
        ]
        reading = [asyncio.create_task(stream.note(published, delays)) for stream in streams]
        started = time.monotonic()
        for number in range(1, EVENTS_A_S * STREAM_SECONDS + 1):
            published[number] = time.monotonic()
            await broker.publish(event_message(_changed(number)))
            await asyncio.sleep(max(0.0, started + number / EVENTS_A_S - time.monotonic()))
        async with asyncio.timeout(60):
            while len(delays) < len(published) * STREAMS:  # noqa: ASYNC110 - counted by the readers
                await asyncio.sleep(0.05)
        for task in reading:
            task.cancel()
    what = f"change visible on {STREAMS} streams at {EVENTS_A_S}/s"
    return _figure(what, desk.cases, delays, 1_000)


async def _waiting_mails(desk: RunningDesk, trial: DeskTrial) -> AsyncIterator[DeskFigure]:
    """A person changes cases while the case writer works at a backlog."""
    feed = Feed(mail_set("text"))
    async with Link.opened(trial.broker_url) as link:
        for _ in range(WAITING // _PUBLISHED_TOGETHER):
            bodies = [_command(mail) for mail in feed.take(_PUBLISHED_TOGETHER)]
            await link.publish("", CASE_WRITER_COMMANDS, bodies)
        writer = trial.pipeline.services(case_writer=1)
        with writer:
            await asyncio.to_thread(writer.wait_until_ready)
            seconds = await at_rate(ACTIONS_A_S, ACTIONS, _acting(desk))
            left = await link.depth(CASE_WRITER_COMMANDS)
        what = f"a person's action while {WAITING:,} mails wait"
        yield _figure(what, desk.cases, seconds, 100)
        yield _once("mails still waiting after that", desk.cases, left, "mails")
        await link.purge(CASE_WRITER_COMMANDS)


def _acting(desk: RunningDesk) -> Callable[[int], Awaitable[object]]:
    headers = {
        "if-match": f'"r{REVISION}"',
        "content-type": "application/merge-patch+json",
    }

    async def act(number: int) -> None:
        case = 1 + number * (desk.cases // ACTIONS)
        body = msgspec.json.encode({"title": f"Changed {number}"})
        await desk.api.ask(f"/api/v1/cases/{case}", method="PATCH", body=body, headers=headers)

    return act


def _command(mail: bytes) -> bytes:
    return encode(OpenCase(mail=raw_mail(mail), decision=Decision(rule="new-case")))


def _changed(number: int) -> Change:
    return Change(
        id=f"{number}.{REVISION + 1}",
        case=number,
        revision=REVISION + 1,
        at=datetime.now(UTC),
        actor=Actor(kind="person", id=PEOPLE[0]),
        process=BENCH,
        what=Titled(was="a", to="b"),
    )


def _figure(what: str, cases: int, seconds: Sequence[float], budget: float) -> DeskFigure:
    ordered = sorted(second * 1000 for second in seconds)
    p50, p95, p99 = (ordered[len(ordered) * part // 100] for part in (50, 95, 99))
    return DeskFigure(what, cases, len(ordered), p50, p95, p99, budget=budget)


def _once(
    what: str, cases: int, value: float, unit: str, *, budget: float | None = None
) -> DeskFigure:
    return DeskFigure(what, cases, 1, value, value, value, unit=unit, budget=budget)
