"""buildah with separate storage, so that images of the machine's users are neither used nor
changed.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.image.base import make_stand_in


class Base(NamedTuple):
    image: str
    stand_in: str  # replaces the image that the Dockerfile names; "" for that image itself


class Engine:
    """`folder` has the storage and the unpacked images."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        storage = ["--storage-driver", "vfs", "--root", f"{folder}/storage"]
        self._command = ["buildah", *storage, "--runroot", f"{folder}/run"]

    def __call__(self, *arguments: str | Path) -> str:
        """Run buildah and return its output. AssertionError with its errors if it fails."""
        done = subprocess.run(
            [*self._command, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"buildah {arguments[0]}: {done.stdout[-2000:]}{done.stderr}"
        return done.stdout.strip()

    def base(self, name: str, release: str) -> Base:
        """The image of this name from its registry; if no registry is reachable, a substitute from
        Debian.
        """
        pull = [*self._command, "pull", "--quiet", f"docker.io/library/{name}"]
        if subprocess.run(pull, capture_output=True, check=False).returncode == 0:
            return Base(f"docker.io/library/{name}", "")
        root = self.folder / "base"
        stand_in = make_stand_in(root, release)
        container = self("from", "scratch")
        self("add", "--quiet", container, root, "/")
        shutil.rmtree(root)
        self("commit", "--quiet", "--rm", container, "localhost/mailcase-base")
        return Base("localhost/mailcase-base", stand_in)

    def build(self, context: Path, base: Base, tag: str, **arguments: str) -> None:
        given = {"PYTHON_IMAGE": base.image, **arguments}
        options = [f"--build-arg={name}={value}" for name, value in given.items()]
        file = context / "deploy/Dockerfile"
        where = ["--isolation=chroot", "--pull-never", f"--file={file}", f"--tag={tag}"]
        self("build", *where, *options, context)

    def unpack(self, image: str) -> Path:
        """Unpack an image; returns the folder that is its root."""
        return Path(self("mount", self("from", "--pull-never", image)))

    def config(self, image: str) -> dict[str, Any]:
        """The configuration of the image in OCI's format."""
        found: dict[str, Any] = json.loads(self("inspect", "--type=image", image))["OCIv1"]
        return found

    def layer_bytes(self, image: str) -> list[int]:
        """The compressed size of each layer, as a registry stores it. The layers of the base image
        come first.
        """
        folder = self.folder / "oci"
        self("push", "--quiet", image, f"oci:{folder}:image")
        (manifest,) = json.loads((folder / "index.json").read_text())["manifests"]
        layers = json.loads(_blob(folder, manifest["digest"]).read_text())["layers"]
        shutil.rmtree(folder)
        return [layer["size"] for layer in layers]

    def wipe(self) -> None:
        self("umount", "--all")
        self("rm", "--all")
        shutil.rmtree(self.folder)


def _blob(folder: Path, digest: str) -> Path:
    return folder / "blobs" / digest.replace(":", "/")
