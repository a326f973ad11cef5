"""The parts that the fuzz programs share: the command line, and keeping an input that fails."""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

GoesOn = Callable[[int], bool]


def run(about: str, what: str, fuzz: Callable[[GoesOn, int], str]) -> None:
    """Run `fuzz` for as long as the command line says, and print the result that it returns.

    `about` is the docstring of the program, `what` its target. `fuzz` takes a function that says
    whether it continues after a number of inputs, and a seed.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=None, help="repeat the run of this seed")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.randrange(10**6)
    sys.stdout.write(f"fuzzing the reader of {what} for {arguments.seconds:g} s, seed {seed}\n")
    sys.stdout.flush()
    ends = time.monotonic() + arguments.seconds
    sys.stdout.write(fuzz(lambda _: time.monotonic() < ends, seed) + "\n")


@contextmanager
def kept_if_it_fails(content: bytes, name: str) -> Iterator[None]:
    """Write an input to a file if the block raises, and name the file in the error."""
    try:
        yield
    except Exception as error:
        path = Path(tempfile.gettempdir()) / name
        path.write_bytes(content)
        error.add_note(f"the input is kept in {path}")
        raise
