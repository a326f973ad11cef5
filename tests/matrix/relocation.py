"""Makes unpacked programs run from their folder, with their own C library.

Programs contain the absolute path of their loader, and Debian's Erlang that of its root. Both are
rewritten.
"""

import struct
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.matrix.suites import Suite

ELF_64, EXECUTABLE, SHARED, PT_INTERP = b"\x7fELF\x02", 2, 3, 3  # elf(5)
ERLANG_ROOT = "/usr/lib/erlang"


def relocate(suite: Suite, folders: Iterable[str]) -> None:
    """Rewrite the loader and the library path of the programs in these folders (patchelf(1))."""
    patchelf = [
        *(str(suite.loader), "--library-path", str(suite.libraries)),
        str(suite.root / "usr/bin/patchelf"),
    ]
    for file in _elf_files(suite.root / folder for folder in folders):
        own = file.parents[1] / "lib"
        libraries = f"{suite.libraries}:{suite.root}/usr/lib/dovecot:{own}"
        arguments = ["--force-rpath", "--set-rpath", libraries, str(file)]
        if _has_interpreter(file):
            arguments = ["--set-interpreter", str(suite.loader), *arguments]
        subprocess.run([*patchelf, *arguments], check=True)


def run_by_own_loader(suite: Suite, program: Path) -> None:
    """Put a command in place of the program that runs it by the suite's loader (ld.so(8)).

    Unlike a rewritten program, it works for one that is not position-independent, such as Python.
    The name that the command is called by is kept, since Python finds its environment by it.
    """
    kept = program.with_name(f"{program.name}.elf")
    program.rename(kept)
    libraries = f'--library-path "{suite.libraries}"'
    program.write_text(f'#!/bin/sh\nexec "{suite.loader}" --argv0 "$0" {libraries} "{kept}" "$@"\n')
    program.chmod(0o755)


def relocate_erlang(suite: Suite) -> None:
    """Set ROOTDIR in Erlang's start scripts, which Debian sets when it builds them."""
    root = suite.root / "usr/lib/erlang"
    for script in [*root.glob("bin/*"), *root.glob("erts-*/bin/*")]:
        if script.is_file() and not script.is_symlink() and script.read_bytes()[:2] == b"#!":
            text = script.read_text()
            if ERLANG_ROOT in text and str(root) not in text:
                script.write_text(text.replace(ERLANG_ROOT, str(root)))


def link(suite: Suite, place: str, names: dict[str, str]) -> None:
    """Create a folder with commands, for MAILCASE_PROGRAMS, that run files of the root."""
    folder = suite.folder / place
    folder.mkdir(exist_ok=True)
    for name, target in names.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{_one(suite.root, target)}" "$@"\n')
        script.chmod(0o755)


def _one(root: Path, pattern: str) -> Path:
    return next(root.glob(pattern))


def _elf_files(folders: Iterable[Path]) -> Iterator[Path]:
    """64-bit programs and shared libraries, except patchelf itself."""
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_symlink() or not file.is_file() or file.name == "patchelf":
                continue
            with file.open("rb") as opened:
                head = opened.read(18)
            if head[:5] == ELF_64 and head[16] in {EXECUTABLE, SHARED}:
                yield file


def _has_interpreter(file: Path) -> bool:
    """Whether the file names a loader; libraries do not."""
    with file.open("rb") as opened:
        head = opened.read(64)
        (start,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        opened.seek(start)
        table = opened.read(size * count)
    kinds = (struct.unpack_from("<I", table, size * number)[0] for number in range(count))
    return PT_INTERP in kinds
