"""`make newcomer`: acts as a new user on bare systems, and prints how long each step takes.

Needs root, debootstrap and a network. Without arguments, it uses Debian 12.
"""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from tests.newcomer.journey import follow_readme
from tests.newcomer.office import provider
from tests.newcomer.tree import Tree

LIMIT_S = 600.0
FOLDER = Path("/var/tmp/mailcase-newcomer")


def main() -> int:
    """Returns the exit status: 1 if a step failed or all steps took too long, 2 if it cannot run
    here.
    """
    parser = argparse.ArgumentParser(prog="make newcomer", description=__doc__)
    parser.add_argument("releases", nargs="*", default=["bookworm"], help="such as trixie, noble")
    parser.add_argument("--mirror", default="", help="default: that of this machine's apt")
    parser.add_argument("--unverified", action="store_true", help="without the mirror's signature")
    options = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        print("newcomer: needs root and debootstrap: sudo apt-get install debootstrap")
        return 2
    FOLDER.mkdir(mode=0o755, exist_ok=True)
    if FOLDER.stat().st_uid != 0 or FOLDER.is_symlink():
        print(f"newcomer: {FOLDER} belongs to another user: remove it")
        return 2
    return max([_play(release, options) for release in options.releases])


def _play(release: str, options: argparse.Namespace) -> int:
    print(f"== {release}", flush=True)
    steps: list[float] = []

    def report(what: str, seconds: float) -> None:
        steps.append(seconds)
        print(f"{seconds:7.1f} s  {what}", flush=True)

    try:
        with provider() as mail:
            tree = Tree(FOLDER, release, options.mirror, verified=not options.unverified)
            started_s = time.monotonic()
            with tree:
                print(f"{time.monotonic() - started_s:7.1f} s  (the bare tree; not counted)")
                follow_readme(tree, mail, report)
    except AssertionError as error:
        print(f"FAILED: {error}")
        return 1
    total_s = sum(steps)
    print(f"{total_s:7.1f} s  in all, with downloads; 0 files edited by hand")
    return int(total_s > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
