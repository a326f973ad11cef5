"""How the rate changes with one size: cases, waiting mails, comments on a case (case writer), mails
in the mailbox (fetcher), bytes (whole path).

The small and large sizes of a kind are measured in turns.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

from benchmarks.baseline.mails import BENCH, STAGE
from benchmarks.environment import Ground
from benchmarks.mails import mail_set
from benchmarks.report.results import Figure, Growth
from benchmarks.speed import Feed
from benchmarks.trials import Appending, Emptying, Everything, Waiting, Writing
from tests.pipeline import Document, Pipeline

_CASES = (1_000, 1_000_000)
_COMMENTS = (10, 10_000)
_WAITING = (1_000, 50_000, 100_000)
_IN_MAILBOX = (5_000, 100_000)
_MAILS = 1_000  # in a round
_MAILS_OF_BYTES = {"5kB": 600, "50kB": 300, "500kB": 60, "5MB": 8}
_BLOCK = 1_000


async def growths(ground: Ground, rounds: int) -> AsyncIterator[Growth]:
    """Every kind, the smallest first."""
    for growth in await _cases(ground, rounds):
        yield growth
    for growth in await _comments(ground, rounds):
        yield growth
    for growth in await _from_full(ground, "mails waiting", Waiting, _WAITING, rounds):
        yield growth
    for growth in await _from_full(ground, "mails in the mailbox", Emptying, _IN_MAILBOX, rounds):
        yield growth
    for growth in await _bytes(ground, rounds):
        yield growth


async def _cases(ground: Ground, rounds: int) -> list[Growth]:
    async with AsyncExitStack() as stack:
        trials = [
            await stack.enter_async_context(Writing.on(ground.side("mailcase"))) for _ in _CASES
        ]
        for trial, cases in zip(trials, _CASES, strict=True):
            fill_with_cases(trial.side.pipeline, cases, comments=1)
        return await _in_turns("cases in the database", _CASES, trials, rounds)


async def _comments(ground: Ground, rounds: int) -> list[Growth]:
    async with AsyncExitStack() as stack:
        trials = [
            await stack.enter_async_context(Appending.on(ground.side("mailcase")))
            for _ in _COMMENTS
        ]
        for trial, comments in zip(trials, _COMMENTS, strict=True):
            fill_with_cases(trial.side.pipeline, 1, comments=comments)
        return await _in_turns("comments on the case", _COMMENTS, trials, rounds)


async def _in_turns(
    what: str, sizes: Sequence[int], trials: Sequence[Writing], rounds: int
) -> list[Growth]:
    feed = Feed(mail_set("text"))
    for trial in trials:
        await trial.run(feed.take(_MAILS // 4))
    rates: list[list[float]] = [[] for _ in sizes]
    for _ in range(rounds):
        for trial, of_size in zip(trials, rates, strict=True):
            of_size.append((await trial.run(feed.take(_MAILS))).rate)
    return _growths(what, sizes, rates)


async def _from_full(
    ground: Ground,
    what: str,
    trial_of: type[Waiting | Emptying],
    sizes: Sequence[int],
    rounds: int,
) -> list[Growth]:
    """The rate of the first mails of a source that has so many when its service starts."""
    feed = Feed(mail_set("text"))
    rates: list[list[float]] = [[] for _ in sizes]
    for _ in range(rounds):
        for size, of_size in zip(sizes, rates, strict=True):
            async with trial_of.on(ground.side("mailcase")) as trial:
                of_size.append(await trial.rate(feed.take(size), measured=sizes[0]))
    return _growths(what, sizes, rates)


async def _bytes(ground: Ground, rounds: int) -> list[Growth]:
    """The whole path. The first round of each size warms up and does not count."""
    sets = [mail_set(name) for name in _MAILS_OF_BYTES]
    feeds = [Feed(mails) for mails in sets]
    rates: list[list[float]] = [[] for _ in feeds]
    async with Everything.on(ground.side("mailcase")) as trial:
        for _ in range(1 + rounds):
            for feed, count, of_size in zip(feeds, _MAILS_OF_BYTES.values(), rates, strict=True):
                of_size.append((await trial.run(feed.take(count))).rate)
    return _growths(
        "bytes per mail", [mails.mean_bytes for mails in sets], [of_size[1:] for of_size in rates]
    )


def _growths(what: str, sizes: Sequence[int], rates: Sequence[Sequence[float]]) -> list[Growth]:
    def ratio(of_size: Sequence[float]) -> Figure:
        return Figure.of([one / least for one, least in zip(of_size, rates[0], strict=True)])

    return [
        Growth(what, size, Figure.of(of), ratio(of)) for size, of in zip(sizes, rates, strict=True)
    ]


def fill_with_cases(pipeline: Pipeline, cases: int, *, comments: int) -> None:
    """Create cases 1 to `cases`, each with this many comments, on the server itself. Indexes are
    kept.
    """
    database = pipeline.database
    blocks = -(-cases * comments // _BLOCK)
    database["blocks"].insert_many([{"_id": block} for block in range(blocks)])
    number = {"$add": [{"$mod": ["$n", cases]}, 1]}
    digits = {"$substrBytes": [{"$toString": {"$rand": {}}}, 2, 14]}
    # As long as mail keys, and distributed like them; the number makes them unique.
    spread = {"$concat": [digits, digits, digits, digits, " ", {"$toString": "$n"}]}
    person = {
        "name": "Person",
        "address": {"$concat": ["person.", {"$toString": "$n"}, "@old.example"]},
    }
    case = {
        "_id": {"$add": ["$n", 1]}, "process": BENCH, "stage": STAGE, "status": "open", "mailbox": BENCH,
        "title": {"$concat": ["An older case ", {"$toString": "$n"}]}, "opened_at": "$$NOW", "updated_at": "$$NOW",
        "opened_by": person, "participants": [person["address"]], "comment_count": {"$literal": comments},
        "attachment_count": {"$literal": 0}, "refers_to": None,
    }  # fmt: skip
    comment: Document = {
        "_id": spread, "case": number, "kind": "mail", "at": "$$NOW", "sent_at": "$$NOW", "author": person,
        "subject": "An older mail", "text": "An older text. " * 20, "full_text": "An older text. " * 20, "html": None,
        "message_id": {"$concat": ["<", {"$toString": "$n"}, "@old.example>"]}, "in_reply_to": None,
        "attachments": [], "original": None, "flags": [],
    }  # fmt: skip
    mail = {
        "_id": spread, "mailbox": BENCH, "process": BENCH, "outcome": "opened", "case": number, "reason": None,
        "decision": {"rule": "new-case"}, "deliveries": {"$literal": 1}, "raw": None, "received_at": "$$NOW",
        "recorded_at": "$$NOW", "written_by": "bench",
    }  # fmt: skip
    thread = {
        "_id": {"$concat": [f"{BENCH} <", {"$toString": "$n"}, "@old.example>"]},
        "case": number,
        "claimed_by": "x",
    }
    for collection, document, count in (
        ("cases", case, cases),
        ("comments", comment, cases * comments),
        ("mails", mail, cases * comments),
        ("threads", thread, cases * comments),
    ):
        steps: list[Document] = [
            {"$set": {"n": {"$range": [0, _BLOCK]}}},
            {"$unwind": "$n"},
            {"$set": {"n": {"$add": ["$n", {"$multiply": ["$_id", _BLOCK]}]}}},
            {"$match": {"n": {"$lt": count}}},
            {"$project": document},
            {"$out": collection},
        ]
        database["blocks"].aggregate(steps, allowDiskUse=True)
    database["counters"].update_one({"_id": "case"}, {"$set": {"value": cases}}, upsert=True)
