"""What package indexes check of an sdist and a wheel, and what installers need."""

import tarfile
import zipfile
from pathlib import Path

from packaging.metadata import InvalidMetadata, Metadata
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tools.release.version import ReleaseError, Version

# Data that the desk cannot run without; a build that forgets them imports all the same.
_NEEDED = (
    "services/desk/pages/templates/",
    "services/desk/pages/static/",
    "schemas/",
    "deploy/local/",
)
_FORBIDDEN = ("tests/", "benchmarks/", "tools/", "docs/")


def check_metadata(sdist: Path, wheel: Path, version: Version) -> Metadata:
    """Validate the core metadata of both strictly, and that they are the same.

    Raises ReleaseError with what is wrong and in which file.
    """
    name, found = parse_sdist_filename(sdist.name)
    wheel_name, wheel_version, _, tags = parse_wheel_filename(wheel.name)
    if (name, str(found)) != (wheel_name, str(wheel_version)) or str(found) != version.text:
        raise ReleaseError(f"{sdist.name} and {wheel.name} do not belong to {version.text}")
    if {str(tag) for tag in tags} != {"py3-none-any"}:
        raise ReleaseError(f"{wheel.name} is for one platform: nothing in it should be compiled")
    of_sdist, of_wheel = _of_sdist(sdist), _of_wheel(wheel)
    parsed = [_parse(sdist, of_sdist), _parse(wheel, of_wheel)]
    if of_sdist != of_wheel:
        raise ReleaseError("sdist and wheel have different metadata")
    if parsed[0].description_content_type != "text/markdown" or not parsed[0].description:
        raise ReleaseError(
            "the metadata have no description in Markdown: set readme in pyproject.toml"
        )
    _check_contents(wheel)
    return parsed[0]


def _parse(file: Path, raw: bytes) -> Metadata:
    try:
        return Metadata.from_email(raw, validate=True)
    except ExceptionGroup as error:
        reasons = "; ".join(str(reason) for reason in error.exceptions)
        raise ReleaseError(f"{file.name}: invalid metadata: {reasons}") from error
    except InvalidMetadata as error:
        raise ReleaseError(f"{file.name}: invalid metadata: {error}") from error


def _of_sdist(file: Path) -> bytes:
    with tarfile.open(file) as tar:
        member = tar.extractfile(f"{file.name.removesuffix('.tar.gz')}/PKG-INFO")
        if member is None:
            raise ReleaseError(f"{file.name} has no PKG-INFO")
        return member.read()


def _of_wheel(file: Path) -> bytes:
    with zipfile.ZipFile(file) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return archive.read(name)


def _check_contents(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for folder in _NEEDED:
        if not any(name.startswith(folder) for name in names):
            raise ReleaseError(
                f"{wheel.name} has nothing below {folder}: see package-data in pyproject.toml"
            )
    if not any(name.endswith("/LICENSE") for name in names):
        raise ReleaseError(f"{wheel.name} has no LICENSE")
    for name in names:
        if name.startswith(_FORBIDDEN):
            raise ReleaseError(f"{wheel.name} contains {name}: see packages.find in pyproject.toml")
