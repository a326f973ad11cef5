"""Measures django-helpdesk's list of tickets, for comparison with the desk's lists of as many
cases.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from benchmarks.report.results import DeskFigure

_PROGRAM = Path(__file__).with_name("ticket_list_program.py")
_REQUESTS = 40


async def tickets_list(python: str, folder: Path, tickets: int) -> AsyncIterator[DeskFigure]:
    """`python` is an interpreter that has django-helpdesk. Raises RuntimeError if the program
    fails.
    """
    process = await asyncio.create_subprocess_exec(
        python,
        str(_PROGRAM),
        str(folder),
        str(tickets),
        str(_REQUESTS),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"django-helpdesk: {errors.decode()[-2000:]}")
    for what, times in msgspec.json.decode(output, type=dict[str, list[float]]).items():
        ordered = sorted(times)
        p50, p95, p99 = (ordered[len(ordered) * part // 100] for part in (50, 95, 99))
        yield DeskFigure(f"django-helpdesk's list, {what}", tickets, len(ordered), p50, p95, p99)
