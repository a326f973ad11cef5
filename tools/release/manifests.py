"""Where the repository names the version of the image."""

import re
from pathlib import Path

from tools.release.version import ReleaseError, Version

_PLACES = {
    "deploy/Dockerfile": r"^ARG VERSION=(.+)$",
    "deploy/k8s/overlays/dev/kustomization.yaml": r"^ +newTag: (.+)$",
    "deploy/k8s/overlays/managed/kustomization.yaml": r"^ +newTag: (.+)$",
    "deploy/k8s/overlays/prod/kustomization.yaml": r"^ +newTag: (.+)$",
}


def check_image_tags(root: Path, declared: str) -> None:
    """Raises ReleaseError if a place names another version than pyproject.toml."""
    for name, pattern in _PLACES.items():
        found = set(re.findall(pattern, (root / name).read_text(), re.MULTILINE))
        if found != {declared}:
            raise ReleaseError(
                f"{name} has {', '.join(found) or 'no version'}, pyproject.toml has {declared}"
            )


def image_line(version: Version) -> str:
    """The arguments that build the image of this version."""
    arguments = f"VERSION={version.image_tag} --build-arg REVISION={version.commit}"
    return f"--tag mailcase:{version.image_tag} --build-arg {arguments}"
