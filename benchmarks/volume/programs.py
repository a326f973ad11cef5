"""Runs a program to its end, and reads its time and peak memory."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.meter import peak_rss_mb

_LOOK_S = 0.05


@dataclass(frozen=True)
class Ran:
    """`output` is what the program printed; `peak_mb` is of its first process."""

    seconds: float
    peak_mb: float
    output: str


def run_module(arguments: Sequence[str], env: Mapping[str, str]) -> Ran:
    """Run `python -m` with the arguments. Raises RuntimeError if the program fails."""
    peak, started = 0.0, time.monotonic()
    with tempfile.TemporaryFile("w+") as printed:
        with subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env={**os.environ, **env},
            stdout=printed,
            stderr=subprocess.STDOUT,
        ) as program:
            # The usage of an ended process would include this one's memory, from before its exec.
            while program.poll() is None:
                peak = max(peak, peak_rss_mb([program.pid]))
                time.sleep(_LOOK_S)  # memory is sampled; nothing reports its peak
        seconds = time.monotonic() - started
        printed.seek(0)
        output = printed.read()
    if program.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {program.returncode}: {output[-2000:]}")
    return Ran(seconds, peak, output)
