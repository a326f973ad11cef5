"""Clocks that a test moves while programs run.

`shifted_clock.c` moves only CLOCK_REALTIME. libfaketime cannot be used: it also stops Python's
sleeps.
"""

import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("shifted_clock.c")


class MovableClock:
    """The clock of all programs that are started with `env`. Needs gcc, which `make setup`
    installs.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._offset = folder / f"{name}.clock"
        library = folder / f"{name}.so"
        command = ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC"]
        subprocess.run([*command, "-o", library, SOURCE], check=True)
        self.set_ahead(0)
        self.env = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self._offset)}

    def set_ahead(self, seconds: int) -> None:
        """Set how far the clock is ahead of the machine's; if negative, it is behind."""
        with self._offset.open("r+b" if self._offset.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))
