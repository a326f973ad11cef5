"""docs/kubernetes.md, followed literally as far as possible without a cluster.

Every block of the guide is checked: YAML is rendered by kustomize, commands that create objects run
with `--dry-run=client`, and commands that change objects are checked against the objects of prod. A
block of any other kind fails.
"""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import K8S, OVERLAYS, ROOT, kubectl, of_kind, render, rendered
from tests.deploy.test_manifests import validate

TEXT = (ROOT / "docs/kubernetes.md").read_text()
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    (kind, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))
    for indent, kind, text in _BLOCK.findall(TEXT)
]
COMMANDS = [
    re.split(r"  +#", line)[0].strip()
    for kind, text in BLOCKS
    if kind == "sh"
    for line in re.sub(r"\\\n\s*", "", text).splitlines()
    if line.strip() and not line.startswith("#")
]
OVERLAY_URL = re.compile(r"https://git\.example\.com/mailcase//(deploy/k8s/\S+)\?ref=\S+")


def test_the_guide_has_no_block_of_another_kind() -> None:
    assert {kind for kind, _ in BLOCKS} == {"sh", "yaml"}
    programs = {shlex.split(command)[0] for command in COMMANDS}
    assert programs <= {"docker", "kubectl", "make"}, programs


@pytest.mark.parametrize(
    "text", [text for kind, text in BLOCKS if kind == "yaml"], ids=lambda text: str(text)[:30]
)
def test_a_piece_of_yaml_renders(text: str, tmp_path: Path) -> None:
    """A whole kustomization alone, and a part of one in an overlay of prod."""
    document: dict[str, Any] = yaml.safe_load(text)
    base = os.path.relpath(K8S, tmp_path)
    if "kind" not in document:
        text = f"resources: [{base}/overlays/prod]\n{text}"
    local = OVERLAY_URL.sub(lambda url: f"{base}{url[1].removeprefix('deploy/k8s')}", text)
    (tmp_path / "kustomization.yaml").write_text(local)
    for file in re.findall(r"files: \[([\w.]+)\]", text):
        (tmp_path / file).write_text((K8S / "examples" / file).read_text())
    manifests = render(tmp_path)
    changed = [manifest for manifest in manifests if manifest not in rendered("prod")]
    assert changed, "it changes nothing"
    for manifest in changed:
        if manifest["apiVersion"] in ("v1", "apps/v1", "networking.k8s.io/v1"):
            validate(manifest)


def test_commands_that_create_objects_create_them(tmp_path: Path) -> None:
    commands = [
        command for command in COMMANDS if command.startswith("kubectl") and " create " in command
    ]
    assert len(commands) >= 4
    for command in commands:
        for file in re.findall(r"--from-file=(?:[\w.]+=)?\./([\w.]+)", command):
            (tmp_path / file).write_text("secret")
        ready, pipe, _ = command.partition(" | ")
        if not pipe:
            created = _run(f"{ready} --dry-run=client --output=yaml", tmp_path)
            for document in yaml.safe_load_all(created):
                validate(document)


def test_secrets_and_config_maps_created_by_commands_are_used() -> None:
    manifests = str([rendered(overlay) for overlay in OVERLAYS])
    for command in COMMANDS:
        for name in re.findall(r"create (?:secret generic|configmap) ([\w-]+)", command):
            assert f"'{name}'" in manifests, command


def test_objects_that_commands_change_exist() -> None:
    taken = 0
    kinds = {
        "scaledobject": "ScaledObject",
        "scaledobjects": "ScaledObject",
        "hpa": "ScaledObject",
        "deploy": "Deployment",
    }
    for command in COMMANDS:
        words = shlex.split(command.partition(" | ")[0])
        if words[0] != "kubectl":
            continue
        named = re.findall(r"\b(deploy|scaledobject)/([\w-]+)", command)
        if "scaledobject" in words:
            after = words[words.index("scaledobject") + 1 :]
            named += [
                ("scaledobject", word)
                for word in after
                if re.fullmatch(r"[a-z-]+", word) and word != "mailcase" and word[0] != "-"
            ]
        for kind, name in named:
            names = {manifest["metadata"]["name"] for manifest in of_kind("prod", kinds[kind])}
            assert name in names, command
            taken += 1
    assert taken >= 2


def test_folders_that_the_guide_names_exist() -> None:
    for path in re.findall(r"(?<![\w/])((?:deploy/k8s/|components/|overlays/)[\w./-]*\w)", TEXT):
        place = ROOT / path if path.startswith("deploy/") else K8S / path
        assert place.exists(), path


def test_dashes_and_quotes_of_commands_are_those_of_a_shell() -> None:
    for command in COMMANDS:
        checked = subprocess.run(
            ["sh", "-n", "-c", command], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, (command, checked.stderr)
        assert not re.search("[–—“”‘’]", command), command


def _run(command: str, folder: Path) -> str:
    """Run a command in a shell, since the guide uses substitutions, with the kubectl of
    the tests.
    """
    path = f"{Path(kubectl()).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", command],
        cwd=folder,
        env={"PATH": path, "KUBECONFIG": "/dev/null", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout
