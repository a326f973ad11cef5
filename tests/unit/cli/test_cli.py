"""The `mailcase` command without servers: exit statuses, one-line errors, and harmless output of
hostile text.
"""

import io
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import IO
from unittest import mock

import pytest
from rich.console import Console

from services.cli import main
from services.cli.answer.reply import missing_author
from services.cli.demo import command as demo
from services.cli.terminal import loading as common
from services.runtime.errors import PermanentError
from services.runtime.store import mongo as store
from tests.unit.runtime.settings.texts import THREE_PROCESSES

COMMANDS = [
    ["up"],
    ["fetcher"],
    ["router"],
    ["case-writer"],
    ["check"],
    ["ingest"],
    ["demo"],
    ["replay"],
    ["audit"],
    ["dead", "list"],
    ["dead", "show"],
    ["dead", "retry"],
    ["dead", "discard"],
    ["case", "show"],
    ["mail", "save"],
    ["parked", "list"],
    ["parked", "show"],
    ["parked", "retry"],
    ["parked", "discard"],
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(common, "configure_logs", lambda *_: None)  # pytest has its own
    for variable in ("MAILCASE_BROKER_URL", "MAILCASE_STORE_URL"):
        monkeypatch.delenv(variable, raising=False)
    file = tmp_path / "mailcase.toml"
    file.write_text(THREE_PROCESSES)
    return file


def status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert isinstance(caught.value.code, int)
    return caught.value.code


def modules_loaded_by(service: str, config: Path) -> set[str]:
    """The modules that the command of a service has loaded when its main loop would begin."""
    module = f"services.{service.replace('-', '_')}.main"
    program = (
        f"import {module}, sys\n"
        f"{module}.run = lambda *_, **__: print(*sys.modules)\n"
        "import services.cli.service_process\n"
        "services.cli.service_process.run_service = lambda _, run: run(None)\n"
        "services.cli.main()"
    )
    servers = {
        "MAILCASE_BROKER_URL": "amqp://broker.test/",
        "MAILCASE_STORE_URL": "mongodb://store.test/",
    }
    loaded = subprocess.run(
        [sys.executable, "-c", program, service, "--config", str(config)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | servers,
    ).stdout.split()
    assert module in loaded
    return set(loaded)


class TestExitStatus:
    @pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
    def test_every_command_has_help_with_an_example(
        self,
        command: list[str],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        assert status(*command, "--help") == 0
        text = capsys.readouterr().out
        [example] = [line for line in text.splitlines() if line.startswith("Example: ")]
        assert text.rstrip().endswith(example.rstrip())  # on one line, to be copied
        assert "[default: False]" not in text
        assert "[default: None]" not in text

    @pytest.mark.parametrize("words", [["erase", "--help"], ["retention", "-h"]], ids=" ".join)
    def test_the_help_of_a_command_shows_its_whole_description(
        self, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status(*words) == 0
        assert "This cannot be undone." in capsys.readouterr().out

    @pytest.mark.parametrize(
        "command", [["router"], ["check"], ["up"], ["case", "show", "1"], ["parked", "list"]]
    )
    def test_missing_settings_are_reported_in_one_line(
        self, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status(*command, "--config", str(tmp_path / "missing.toml")) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("mailcase: ")
        assert "missing.toml" in lines[0]

    def test_every_mistake_in_the_settings_has_its_line(
        self, config: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        config.write_text(
            THREE_PROCESSES.replace('protocol = "imap"', 'protocol = "fax"').replace(
                "initial = true", "a = 1"
            )
        )
        assert status("check", "--config", str(config)) == 2
        assert len(capsys.readouterr().err.splitlines()) >= 3

    @pytest.mark.parametrize(
        "arguments",
        [
            ["no-such-command"],
            ["router", "--no-such-option"],
            ["case", "show", "many"],
            ["ingest"],
            ["router", "--http-port", "70000"],
            ["case", "show", "0"],
            ["case", "show", "100000000000000000000000000000000"],
            ["reply", "-1", "--text-file", "accepted.txt"],
            ["parked", "list", "--limit", "100000000000000000000"],
            ["parked", "list", "--process", ""],
            ["parked", "discard", "5f1d0c2a", "--why", " "],
            ["replay", "--rate", "nan"],
            ["replay", "--rate", "inf"],
            ["replay", "--rate", "-1"],
            ["replay", "--from-offset", "-1"],
            ["replay", "--message-id", ""],
            ["up", "--replicas", "1000000000000000000000"],
        ],
    )
    def test_invalid_arguments_are_reported_on_one_line(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status(*arguments) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1

    def test_an_error_in_a_pipe_is_one_line_although_the_terminal_exports_its_width(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", "no-such-command"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"COLUMNS": "20"},
        )
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)

    def test_an_unknown_command_leads_to_all_of_them(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status("chek") == 2
        assert (
            capsys.readouterr().err
            == 'mailcase: Unknown command "chek". Did you mean "check"? See `mailcase --help`\n'
        )

    def test_wrong_arguments_lead_to_the_help_of_their_command(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status("parked", "discard", "5f1d0c2a") == 2
        assert "see `mailcase parked discard --help`" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "arguments",
        [
            ["parked", "retry"],
            ["dead", "retry"],
            ["replay", "--since", "2h", "--until", "7d"],
            ["replay", "--since", "2h", "--until", ""],
            ["replay", "--since", "2999-01-01"],
            ["replay", "--only", "missing", "--rederive"],
            ["replay", "--mail-key", "zzzzzzzz"],
            ["audit", "--since", ""],
            ["ingest", "", "--process", "invoices"],
            ["audit", "--since", "999999w"],
            ["parked", "list", "--before", "999999w"],
            ["parked", "list", "--before", "1 fortnight"],
            ["parked", "retry", "5f1d0c2a", "--reason", "spam"],
            ["dead", "list", "--before", "0001-01-01T00:00+14:00"],
            ["dead", "show", "abc"],
            ["dead", "show", "zzzzzzzz"],
            ["up", "--data", "/dev/null/data"],
        ],
    )
    def test_conflicting_arguments_are_reported_in_one_line(
        self, arguments: list[str], config: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status(*arguments, "--config", str(config)) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1

    @pytest.mark.parametrize("arguments", [["case", "show", "1"], ["dead", "list"]])
    def test_an_unreachable_server_is_reported_in_one_line(
        self,
        arguments: list[str],
        config: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("MAILCASE_BROKER_URL", "amqp://guest:guest@127.0.0.1:1/")
        monkeypatch.setenv("MAILCASE_STORE_URL", "mongodb://127.0.0.1:1/?replicaSet=rs0")
        monkeypatch.setitem(store._CLIENT_OPTIONS, "serverSelectionTimeoutMS", 100)
        assert status(*arguments, "--config", str(config)) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "mailcase check" in line
        assert "Topology" not in line

    def test_a_router_loads_neither_a_database_s_driver_nor_the_private_servers(
        self, config: Path
    ) -> None:
        """They would take half a second of processor time and tens of megabytes at each start."""
        loaded = modules_loaded_by("router", config)
        assert not {"pymongo", "motor", "gridfs", "deploy"} & loaded

    @pytest.mark.parametrize("service", ["fetcher", "router", "case-writer", "sender", "extractor"])
    def test_a_service_does_not_load_the_library_that_parses_command_lines(
        self, config: Path, service: str
    ) -> None:
        """It would take 6 MB in each process."""
        assert not {"cyclopts", "rich"} & modules_loaded_by(service, config)

    @pytest.mark.parametrize("service", ["fetcher", "case-writer", "sender", "extractor"])
    def test_a_service_without_web_keys_loads_no_cryptography(
        self, config: Path, service: str
    ) -> None:
        """The database's driver would load it to find out that PyOpenSSL is missing: 8 MB."""
        loaded = modules_loaded_by(service, config)
        assert "motor" in loaded
        assert "cryptography" not in loaded

    def test_a_service_without_a_broker_says_where_to_set_it(
        self, config: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status("case", "show", "1", "--config", str(config)) == 2
        assert "MAILCASE_STORE_URL" in capsys.readouterr().err

    def test_an_unknown_process_is_reported_with_the_existing_ones(
        self, config: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status("ingest", str(config), "--process", "invoice", "--config", str(config)) == 2
        assert "invoices, claims, letters" in capsys.readouterr().err


class TestReply:
    @pytest.mark.parametrize(
        ("author", "to", "warned"),
        [
            ("eve@supplier.example", ["anna@customer.example"], True),
            ("Anna@customer.example", ["anna@customer.example"], False),
            ("invoices@office.example", ["anna@customer.example"], False),
            (None, ["anna@customer.example"], False),
        ],
    )
    def test_it_warns_if_the_author_of_the_latest_mail_gets_no_answer(
        self, author: str | None, to: list[str], warned: bool
    ) -> None:
        found = missing_author(235, author, to, {"invoices@office.example"})
        assert [f"--to {author}" in warning for warning in found] == ([True] if warned else [])

    def test_the_author_of_the_latest_mail_may_have_no_address_to_mail_to(self) -> None:
        [warning] = missing_author(235, "root", ["anna@customer.example"], set())
        assert "from root" in warning
        assert "--to" not in warning

    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> mock.AsyncMock:
        sending = mock.AsyncMock(return_value=0)
        monkeypatch.setattr("services.cli.answer.reply.send_reply", sending)
        return sending

    def test_the_text_may_come_from_the_standard_input(
        self, config: Path, sent: mock.AsyncMock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Dzięki".encode())))
        assert status("reply", "2", "--text-file", "-", "--config", str(config)) == 0
        assert sent.call_args.args[1].text == "Dzięki"

    @pytest.mark.parametrize(
        ("text", "options", "expected"),
        [
            (b" \n", [], (1, "is empty")),
            (b"caf\xe9", [], (1, "is not UTF-8")),
            (b"Thanks", ["--to", "nobody"], (2, "'nobody' is not a mail address")),
            (b"Thanks", ["--to", ""], (2, "'' is not a mail address")),
            (b"Thanks", ["--subject", ""], (2, "--subject")),
        ],
    )
    @pytest.mark.usefixtures("sent")
    def test_an_obvious_mistake_is_not_sent(
        self,
        config: Path,
        capsys: pytest.CaptureFixture[str],
        text: bytes,
        options: list[str],
        expected: tuple[int, str],
    ) -> None:
        code, message = expected
        file = config.with_name("text.txt")
        file.write_bytes(text)
        assert (
            status("reply", "2", "--text-file", str(file), *options, "--config", str(config))
            == code
        )
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


class TestDemo:
    @pytest.mark.parametrize(
        ("stopped", "error"),
        [(True, KeyboardInterrupt), (False, PermanentError)],
        ids=["stopped", "late"],
    )
    def test_a_demo_that_is_stopped_does_not_call_its_mails_late(
        self, monkeypatch: pytest.MonkeyPatch, stopped: bool, error: type[BaseException]
    ) -> None:
        monkeypatch.setattr(demo, "TIMEOUT_S", 3600.0 if stopped else 0.0)
        stop = mock.Mock(wait=mock.Mock(return_value=stopped))
        story = demo._Demo(Console(), mock.Mock(), mock.Mock(), stop)
        monkeypatch.setattr(story, "_find", mock.AsyncMock(return_value=[]))
        story._sent.append("a mail that was sent")
        with pytest.raises(error):
            story._until_recorded()


def help_into(output: IO[bytes], unbuffered: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "services.cli", "--help"]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    return subprocess.run(
        command, stdout=output, stderr=subprocess.PIPE, env=environment, check=False
    )


class TestOutput:
    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_a_full_disk_for_the_output_is_reported_in_one_line(self, unbuffered: str) -> None:
        with Path("/dev/full").open("wb") as full:
            run = help_into(full, unbuffered)
        assert (run.returncode, run.stderr) == (1, b"mailcase: No space left on device\n")

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_a_closed_pipe_is_not_reported_as_an_error(self, unbuffered: str) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            run = help_into(pipe, unbuffered)
        assert (run.returncode, run.stderr) == (1, b"")

    def test_ctrl_c_at_the_very_end_shows_nothing_of_python(self) -> None:
        program = (
            "import atexit, signal, sys; from services.cli import main; sys.argv[1:] = ['--version'];"
            "atexit.register(lambda: print(signal.getsignal(signal.SIGINT) == signal.SIG_DFL)); main()"
        )
        said = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout
        assert said.split()[:2] == ["mailcase", version("mailcase")]
        assert said.split()[-1] == "True"

    def test_the_version_is_the_package_s(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert status("--version") == 0
        first, python, servers = capsys.readouterr().out.splitlines()
        assert first.startswith(f"mailcase {version('mailcase')}")
        assert python.startswith("Python 3.")
        assert servers.startswith("servers for `mailcase up`: ")
