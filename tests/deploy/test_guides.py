"""The commands in the guides are valid."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.application import app
from tests.deploy.manifests import OVERLAYS, ROOT, deployments, named, of_kind, pod_labels, rendered

GUIDES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
TEXT = {guide.name: guide.read_text() for guide in GUIDES}
# The pages that an operator copies commands from.
OPERATORS = {
    name
    for name in TEXT
    if name in {"operating.md", "kubernetes.md", "runbook.md"} or name.startswith("howto-")
}
COMPONENT = "app.kubernetes.io/component"


def _commands(program: str) -> Iterator[tuple[str, str]]:
    """Each command of `program` in the guides, with the name of the guide; without pipes and
    comments.
    """
    for name, text in TEXT.items():
        joined = re.sub(r"\\\n\s*", "", text)
        for line in re.findall(rf"(?:^|[`(]){'( *)'}({program} [^\n`]*)", joined, re.MULTILINE):
            yield name, re.split(r" [|#>]|  +#", line[1])[0].strip()


def test_logs_are_those_of_all_replicas() -> None:
    names = {pod_labels(deployment)[COMPONENT] for deployment in deployments("prod")}
    commands = [command for _, command in _commands("kubectl logs") if command != "kubectl logs"]
    assert len(commands) > 10
    for command in commands:
        assert "-l " in command or "--selector " in command, command
        assert "--tail=" in command, command  # ten lines a pod otherwise
        (selector,) = re.findall(r"(?:-l|--selector) ('[^']+'|\S+)", command)
        chosen = re.findall(r"component(?:=| in \()([\w,-]+)", selector)
        assert chosen or selector == "app.kubernetes.io/name=mailcase"
        assert set(",".join(chosen).split(",")) <= names | {""}, command


def test_pods_and_objects_that_the_guides_name_exist() -> None:
    names = {deployment["metadata"]["name"] for deployment in deployments("prod")}
    servers = {
        server["metadata"]["name"]
        for kind in ("RabbitmqCluster", "MongoDBCommunity")
        for server in of_kind("prod", kind)
    }
    for name, text in TEXT.items():
        assert set(re.findall(r"\bdeploy/([a-z-]+)(?![\w/.-])", text)) <= names | {
            "local",
            "grafana",
            "k8s",
            "schemas",
        }, name
        pods = re.findall(r"\b(mailcase-(?:rabbitmq|mongodb))(-server)?-(?:\d|\$n)", text)
        assert {pod for pod, _ in pods} <= servers
        assert {bool(server) for pod, server in pods if pod.endswith("rabbitmq")} <= {True}
    scaled = {
        scaled_object["metadata"]["name"] for scaled_object in of_kind("prod", "ScaledObject")
    }
    for _, command in _commands("kubectl annotate scaledobject"):
        assert "autoscaling.keda.sh/paused-replicas" in command
        objects = [
            word
            for word in command.split()[3:]
            if not word.startswith(("-", "autoscaling.")) and word != "mailcase"
        ]
        assert set(objects) <= scaled, command
        assert objects or "--all" in command


def test_the_guide_says_that_keda_undoes_manual_scaling() -> None:
    for name, text in TEXT.items():
        for paragraph in re.split(r"\n\n|\n(?=\d\. )", text):
            assert (
                "kubectl scale" not in paragraph
                or "KEDA" in paragraph
                or "paused-replicas" in paragraph
            ), (
                name,
                paragraph,
            )


def test_our_commands_in_the_guides_are_valid() -> None:
    given = {
        "STAGE": "router",
        "FILE": "mailcase.toml",
        "N": "8080",
        "ID": "5f1d0c2a9b7e",
        "KEY": "5f1d0c2a",
        "NUMBER": "7",
        "ADDRESS": "jan@example.com",
        "TEXT": "gone",
        "REASON": "spam",
        "…": "5f1d0c2a",
    }
    guide = [command for name, command in _commands("mailcase") if name in OPERATORS]
    behind = [
        "mailcase " + command.partition("-- mailcase ")[2]
        for _, command in _commands("kubectl[^\n`]* exec")
        if "-- mailcase " in command
    ]
    assert len(guide) > 10
    assert behind
    for command in guide + behind:
        words = [given.get(word, word) for word in shlex.split(command)[1:]]
        if len(words) > 1 or words[0] in ("check", "audit"):
            app.parse_args(words, exit_on_error=False, print_error=False)


def test_events_that_the_runbooks_search_for_are_logged() -> None:
    code = "".join(file.read_text() for file in (ROOT / "services").rglob("*.py"))
    searched = {
        event
        for text in TEXT.values()
        for event in re.findall(r"grep (?:-e )?([a-z]+_[a-z_]+)", text)
    }
    searched |= {
        event for text in TEXT.values() for event in re.findall(r"-e ([a-z]+_[a-z_]+)", text)
    }
    assert len(searched) > 8
    assert {event for event in searched if f'"{event}"' not in code} == set()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_image_is_of_a_whole_version(overlay: str) -> None:
    whole = r"\d+\.\d+\.\d+"
    for broker in of_kind(overlay, "RabbitmqCluster"):
        assert re.fullmatch(rf"rabbitmq:{whole}-management", broker["spec"]["image"])
    for store in of_kind(overlay, "MongoDBCommunity"):
        assert re.fullmatch(whole, store["spec"]["version"])
    base = re.findall(
        r"^ARG PYTHON_IMAGE=(.*)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE
    )
    assert [
        re.fullmatch(rf"python:{whole}-slim-bookworm", image) is not None for image in base
    ] == [True]
    assert f"`{base[0]}`" in TEXT["kubernetes.md"]


def test_the_backlog_that_a_replica_is_for_is_the_same_in_manifests_and_guides() -> None:
    for service, phrase in (("router", "a router"), ("case-writer", "a\\s+case writer")):
        (trigger,) = [
            trigger
            for trigger in named("prod", "ScaledObject", service)["spec"]["triggers"]
            if trigger["type"] == "rabbitmq"
        ]
        target = f"{int(trigger['metadata']['value']):,}"
        assert re.search(
            rf"^\| {service.replace('-', ' ')} \|.*\| {target} \|",
            TEXT["kubernetes.md"],
            re.MULTILINE,
        )
        assert re.search(rf"{target}\b[^|]{{0,60}}for {phrase}", TEXT["scaling.md"])


def test_names_are_resolved_by_the_cluster_or_by_the_nodes_own_cache() -> None:
    for overlay in OVERLAYS:
        (rule,) = named(overlay, "NetworkPolicy", "dns")["spec"]["egress"]
        assert {"ipBlock": {"cidr": "169.254.20.10/32"}} in rule["to"]
        assert {(port["protocol"], port["port"]) for port in rule["ports"]} == {
            ("UDP", 53),
            ("TCP", 53),
        }
        assert rendered(overlay)


def test_a_command_in_a_pod_finds_the_settings() -> None:
    for deployment in deployments("prod"):
        (one,) = deployment["spec"]["template"]["spec"]["containers"]
        file = Path(one["args"][one["args"].index("--config") + 1])
        assert (one["workingDir"], file.name) == (str(file.parent), "mailcase.toml")
