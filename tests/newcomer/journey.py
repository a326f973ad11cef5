"""What the new user does: clone, install, `init`, `up`, and a look at the first case."""

import http.cookiejar
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.newcomer.office import ADDRESS, AUTOCONFIG_HOST, PASSWORD, WEB_ADDRESS, Provider
from tests.newcomer.readme import install_commands, run_commands
from tests.newcomer.terminal import Terminal
from tests.newcomer.tree import USER, Tree

ROOT = Path(__file__).parents[2]
INSTALL_S = 480.0
FIRST = "Faktura 12/2026"
SECOND = "Faktura 13/2026"
DESK_PASSWORD = "spokojna rzeka w lesie"
LETTER = f"""From: Ola Bąk <ola@customer.test>
To: {ADDRESS}
Subject: Faktura 14/2026
Message-ID: <14@customer.test>
Content-Type: text/plain; charset=utf-8

Dzień dobry, faktura w liście.
"""

Report = Callable[[str, float], None]


def follow_readme(tree: Tree, provider: Provider, report: Report) -> None:
    """Follow README.md. Raises AssertionError if a step does not work as described there."""
    tree.name_host(WEB_ADDRESS, AUTOCONFIG_HOST)
    tree.install(provider.certificates)
    _publish_repository(tree)
    provider.deliver(FIRST, "Dzień dobry, faktura w treści.")
    readme = (ROOT / "README.md").read_text()
    with Terminal(tree.shell()) as terminal, Terminal(tree.shell()) as other:
        for command in install_commands(readme):
            _timed(report, command, partial(terminal.run, _own(command), INSTALL_S))
        _use(terminal, other, provider, run_commands(readme), report)


def _own(command: str) -> str:
    """Replace the address of the repository, which README.md cannot know."""
    return re.sub(r"(git clone )\S+", rf"\1/home/{USER}/mailcase.git", command)


def _publish_repository(tree: Tree) -> None:
    """Put the last commit where the new user can clone it."""
    copy = tree.root / "var/tmp/mailcase.git"
    command = ["git", "clone", "--quiet", "--bare", "--no-hardlinks", str(ROOT), str(copy)]
    subprocess.run(command, check=True)
    tree.give("mailcase.git", copy)


def _timed(report: Report, what: str, step: Callable[[], object]) -> None:
    started_s = time.monotonic()
    step()
    report(what, time.monotonic() - started_s)


def _use(
    terminal: Terminal, other: Terminal, provider: Provider, commands: list[str], report: Report
) -> None:
    is_up = False
    for command in commands:
        if command == "mailcase init":
            terminal.type(command)
            _timed(report, command, lambda: _answer_init(terminal))
        elif command == "mailcase up":
            terminal.type(command)
            _timed(report, "mailcase up, until the first case", lambda: _first_case(terminal))
            is_up = True
            other.run("PATH=$HOME/.local/bin:$PATH; cd mailcase/office", 10)
        elif is_up:
            _timed(report, command, partial(_in_other_terminal, other, command))
        else:
            terminal.run(command, 60)
    assert is_up, "README.md does not run `mailcase up`"
    link = terminal.wait_for(
        r"create the first account with this link, which works once:\s+(http://\S+)", 60
    )[1]
    _timed(report, "the case at the desk", lambda: _see_at_desk(link))
    provider.deliver(SECOND, "Druga faktura.")
    _timed(report, "a second mail", lambda: terminal.wait_for(rf"#\d+ +opened.*{SECOND}", 60))
    terminal.interrupt()
    _timed(report, "Ctrl-C", lambda: terminal.wait_for_prompt(90))


def _answer_init(terminal: Terminal) -> None:
    """Type the address and the password, and Enter for everything else."""
    answers = ((r"Mail address to read.*: $", ADDRESS), (r"\(not shown\): $", PASSWORD))
    end = r"<<\d+>> $"
    for _ in range(30):
        asked = terminal.wait_for(rf"(: $)|({end})", 90)
        if asked[2]:
            break
        line = terminal.screen.rpartition("\n")[2]
        terminal.type(next((answer for text, answer in answers if re.search(text, line)), ""))
    assert "autoconfig file" in terminal.screen
    terminal.wait_for_prompt(5)


def _first_case(terminal: Terminal) -> None:
    terminal.wait_for(rf"#1 +opened.*{FIRST}", 180)


def _in_other_terminal(other: Terminal, command: str) -> None:
    if ".eml" in command:  # the new user's own letter
        other.run(f"cat > {command.split()[2]} <<'END'\n{LETTER}END", 10)
    printed = other.run(command, 60)
    if command == "mailcase case show 1":
        assert FIRST in printed, printed


def _see_at_desk(link: str) -> None:
    """Create the first account by its one-time link, and find the case in the list."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with browser.open(link, timeout=30) as answer:
        page = answer.read().decode()
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token is not None, page
    form = {
        "token": token[1],
        "name": "Nadia Berg",
        "address": "nadia@office.test",
        "password": DESK_PASSWORD,
        "repeat": DESK_PASSWORD,
    }
    base = link.partition("/welcome")[0]
    request = urllib.request.Request(
        f"{base}/welcome", urllib.parse.urlencode(form).encode(), {"Origin": base}
    )
    browser.open(request, timeout=30).close()
    with browser.open(f"{base}/all", timeout=30) as answer:
        page = answer.read().decode()
    assert FIRST in page, page
