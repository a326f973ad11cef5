"""`make matrix`: runs tests with other versions of the servers and of Python; see
docs/tested-versions.md.
"""

import argparse
import sys

from tests.matrix.catalog import long_names, names
from tests.matrix.runs import record, recorded, run
from tests.matrix.suites import UnpackError
from tests.matrix.table import DOC, page


def main() -> int:
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    parser.add_argument("names", nargs="*", help="what the names of the runs begin with")
    parser.add_argument("--list", action="store_true", help="print the names of all runs")
    parser.add_argument("--write", action="store_true", help="only write the page anew")
    arguments = parser.parse_args()
    if arguments.write:
        DOC.write_text(page(recorded()))
        return 0
    chosen = _chosen(arguments.names) if arguments.names or arguments.list else names()
    if not chosen:
        parser.error("no run's name begins so; see --list")
    if arguments.list:
        print("\n".join(chosen))
        return 0
    failed = False
    for name in chosen:
        print(f"== {name}", flush=True)
        try:
            result = run(name)
        except UnpackError as error:
            print(f"matrix: {name} cannot run: {error}", file=sys.stderr)
            failed = True
            continue
        record(result)
        failed |= result.failed > 0
        print(f"{result.versions}: {result.passed} passed, {result.failed} failed", flush=True)
        DOC.write_text(page(recorded()))
    return int(failed)


def _chosen(beginnings: list[str]) -> list[str]:
    everything = names() + long_names()
    return [name for name in everything if name.startswith(tuple(beginnings or [""]))]


if __name__ == "__main__":
    sys.exit(main())
