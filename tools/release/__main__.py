"""`make release`: sdist, wheel, bill of materials, notes and checksums of the commit, below
dist/.
"""

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

from tools.release.build import build
from tools.release.changelog import release_notes
from tools.release.manifests import check_image_tags, image_line
from tools.release.metadata import check_metadata
from tools.release.sbom import ROOT, bill_of_materials
from tools.release.version import ReleaseError, Version, declared_version, version_of_head


def main() -> int:
    """Return the exit status: 1, with one line on standard error, if no release is possible."""
    try:
        release(ROOT, ROOT / "dist")
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def release(root: Path, output: Path) -> Version:
    """Check first, then build twice, then replace `output`. Raises ReleaseError."""
    version = version_of_head(root)
    notes = release_notes((root / "CHANGELOG.md").read_text(), version)
    check_image_tags(root, declared_version(root))
    with tempfile.TemporaryDirectory(prefix="mailcase-release-") as folder:
        files = _build_twice(root, version, Path(folder))
        sdist, wheel = files
        check_metadata(sdist, wheel, version)
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        for file in files:
            shutil.copy(file, output)
    bill = bill_of_materials(root)
    bill["metadata"]["component"]["version"] = version.text
    text = json.dumps(bill, indent=2, sort_keys=True) + "\n"
    (output / f"mailcase-{version.text}.cdx.json").write_text(text)
    (output / "notes.md").write_text(notes)
    sums = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(output.iterdir())
    ]
    (output / "SHA256SUMS").write_text("".join(sums))
    _report(version, output, len(bill["components"]))
    return version


def _build_twice(root: Path, version: Version, folder: Path) -> list[Path]:
    """In two folders; every byte must be the same."""
    builds = []
    for name in ("first", "another-place"):
        (folder / name).mkdir()
        builds.append(build(root, version, folder / name))
    for first, second in zip(*builds, strict=True):
        if first.read_bytes() != second.read_bytes():
            raise ReleaseError(f"two builds of {first.name} differ: compare them with diffoscope")
    return builds[0]


def _report(version: Version, output: Path, packages: int) -> None:
    if not version.tagged:
        print(
            f"a rehearsal: this commit has no tag; a release has the tag v{version.text.partition('.dev')[0]}"
        )
    for file in sorted(output.iterdir()):
        print(f"{file.stat().st_size:>9,} bytes  dist/{file.name}")
    print(f"built twice, the same bytes; {packages} packages in the bill of materials")
    print(f"image: docker build --file deploy/Dockerfile {image_line(version)} .")


if __name__ == "__main__":
    sys.exit(main())
