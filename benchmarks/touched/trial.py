"""How many bytes each service touches for a byte of mail, from the IMAP literal to the blob.

Mails of 3 MB with a PDF pass through the whole path, while `counter.c` counts in each process. A
touch is a copy, a transfer between the process and the system, a decryption, or a hash. Decoding
base64 and searching are not seen. The counter copies slowly, so no rates are measured.
"""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from benchmarks.environment import Ground
from benchmarks.mails import mail_set
from benchmarks.report.results import Touched
from benchmarks.speed import Feed
from benchmarks.trials import Everything

KINDS = ("copied", "received", "sent", "decrypted", "hashed")  # as in counter.c
_COUNTER = Path(__file__).with_name("counter.c")
_FLAGS = ("-O2", "-fno-builtin", "-fno-tree-loop-distribute-patterns", "-shared", "-fPIC")
_FOLDER = "MAILCASE_TOUCHED"


async def touched(ground: Ground, mails: int, name: str = "pdf") -> list[Touched]:
    """A row for each service, and for each program that does only the necessary work.

    Raises RuntimeError without a C compiler.
    """
    folder = ground.fresh_folder("touched")
    library = _compiled(folder)
    feed = Feed(mail_set(name))
    rows: list[Touched] = []
    for side in ("mailcase", "work"):
        async with AsyncExitStack() as stack:
            with _environment({"LD_PRELOAD": str(library), _FOLDER: str(folder)}):
                trial = await stack.enter_async_context(Everything.on(ground.side(side)))
            await trial.run(feed.take(2))  # the connections and the reading child
            before, given = _counts(folder), feed.take(mails)
            await trial.run(given)
            size = sum(map(len, given))
            rows += [
                Touched(
                    side, process.name, name, mails, _per_byte(folder, before, process.pids, size)
                )
                for process in trial.side.processes
            ]
    return rows


def _compiled(folder: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("no C compiler; install gcc to count the touched bytes")
    library = folder / "counter.so"
    subprocess.run([compiler, *_FLAGS, str(_COUNTER), "-o", str(library), "-ldl"], check=True)
    return library


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """For the processes that are started in the block."""
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]


def _counts(folder: Path) -> dict[int, tuple[int, ...]]:
    files = (file for file in folder.iterdir() if file.name.isdigit())
    return {int(file.name): struct.unpack(f"{len(KINDS)}Q", file.read_bytes()) for file in files}


def _per_byte(
    folder: Path, before: Mapping[int, tuple[int, ...]], pids: list[int], size: int
) -> dict[str, float]:
    now, none = _counts(folder), (0,) * len(KINDS)
    return {
        kind: round(
            sum(now.get(pid, none)[place] - before.get(pid, none)[place] for pid in pids) / size, 2
        )
        for place, kind in enumerate(KINDS)
    }
