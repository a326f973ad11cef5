"""The pages match the repository: links, files, commands with their options, settings,
log events.
"""

import re
from pathlib import Path

import pytest

from services.cli.application import app

ROOT = Path(__file__).parents[3]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
FILE = re.compile(
    r"`((?:docs|services|schemas|deploy/(?:k8s|local|grafana)|tests|benchmarks|tools|requirements)/[\w./-]+)`"
)
# A span of code, or an indented line: what is typed, set or searched for.
CODE = re.compile(r"`([^`\n]+)`|^ {4}(\S.*)$", re.MULTILINE)
COMMAND = re.compile(r"(?<![\w/-])mailcase ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?([^|;#]*)")
WORD = re.compile(r"(?<![\w.-])[a-z]+(?:_[a-z]+)+(?![\w.])")
OTHERS = {  # words of other programs, which our code does not say, and of tests
    "add_replica",
    "authorized_user",
    "check_running",
    "cluster_partition_handling",
    "pause_minority",
    "enable_feature_flag",
    "forget_cluster_node",
    "cluster_status",
    "khepri_db",
    "list_queues",
    "lmtp_save_to_detail_mailbox",
    "process_open_fds",
    "recipient_delimiter",
    "server_folder",
    "set_policy",
    "stop_app",
    "test_a_folded_subject_still_yields_its_case_number",  # an example of a name
}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def codes(page: Path) -> list[str]:
    return [span or line for span, line in CODE.findall(page.read_text())]


def anchors(page: Path) -> set[str]:
    """The anchors that sites derive from headings in Markdown."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def source(*folders: str) -> str:
    kinds = {".py", ".toml", ".yaml"}
    files = [
        file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix in kinds
    ]
    return "\n".join(file.read_text() for file in files)


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    for name, anchor in LINK.findall(page.read_text()):
        target = page.parent / name if name else page
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


@pages
def test_every_file_that_is_named_exists(page: Path) -> None:
    for name in FILE.findall(page.read_text()):
        assert (ROOT / name).exists(), name


def test_every_file_that_the_flow_names_is_in_the_folder_of_its_section() -> None:
    folder = ROOT
    for line in (ROOT / "docs/flow.md").read_text().splitlines():
        if line.startswith("## "):
            heading = re.search(r"`(services/[\w/]+)`", line)
            folder = ROOT / heading[1] if heading else ROOT
        for name in re.findall(r"`([\w/]+\.py)`", line):
            assert (ROOT / name).exists() or (folder / name).exists(), f"{name} in {folder.name}"


@pages
def test_every_command_that_is_named_exists_with_its_options(page: Path) -> None:
    typed = source("services/cli")
    for code in codes(page):
        # before that it is the namespace
        line = code.partition(" -- ")[2] if "kubectl" in code else code
        for command, within, rest in COMMAND.findall(line):
            assert command in app, code
            assert not list(app[command]) or not within or within in app[command], code
            for option in re.findall(r"(?<!\S)--([a-z][a-z-]*)", rest):
                assert f'"--{option}"' in typed or f"{option.replace('-', '_')}: " in typed, code


def test_every_setting_event_and_metric_that_is_named_exists() -> None:
    said = set(re.findall(r"\w+", source("services", "schemas", "deploy", "benchmarks")))
    named = {word for page in PAGES for code in codes(page) for word in WORD.findall(code)}
    assert "mail_too_large" in named
    assert named - said - OTHERS <= {word for word in named if word.startswith("rabbitmq_")}
