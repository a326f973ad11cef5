"""What `mailcase up` needs besides its servers: one instance per settings file, and its URLs for
other commands.
"""

import json
import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from deploy.local.errors import LocalServerError, SettingsInUseError
from deploy.local.ports import Ports
from deploy.local.secrets import Secrets
from deploy.local.servers.broker_relocation import update_data_paths
from deploy.local.single_instance import Launcher, _address, launcher_of, only_launcher_of
from services.cli.up.command import _default_data
from services.cli.up.disk import disk_use
from services.cli.up.plan import chosen
from services.cli.up.running import (
    FILE,
    announced,
    data_folder,
    find_running,
    with_running_servers,
)
from services.cli.up.server_urls import origin, silent_servers, without_own_exports
from services.runtime.errors import SettingsError
from services.runtime.settings import Settings, load_settings

SETTINGS = """
[process.invoices]
[[process.invoices.stage]]
name = "registration"
initial = true
"""
BROKER = {"MAILCASE_BROKER_URL": "amqp://mailcase:s3cret@127.0.0.1:1/"}
URLS = {**BROKER, "MAILCASE_STORE_URL": "mongodb://mailcase:s3cret@127.0.0.1:2/?replicaSet=rs0"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "mailcase.toml"
    file.write_text(SETTINGS)
    return file


def loaded(config: Path, **environ: str) -> Settings:
    return load_settings(config, environ)


class TestSingleInstance:
    def test_a_second_one_for_the_same_settings_is_refused_and_the_first_is_named(
        self, config: Path
    ) -> None:
        link = config.parent / "folder"
        link.symlink_to(config.parent)
        with only_launcher_of(config):
            for name in (config, link / config.name):
                with pytest.raises(
                    SettingsInUseError, match=rf"as process {os.getpid()}: stop that one first"
                ):
                    only_launcher_of(name).__enter__()
            config.with_name("other.toml").touch()
            with only_launcher_of(config.with_name("other.toml")):
                pass
        with only_launcher_of(config):
            pass

    def test_an_editor_that_replaces_the_file_does_not_let_a_second_one_in(
        self, config: Path
    ) -> None:
        with only_launcher_of(config):
            new = config.with_name("new")
            new.write_text(SETTINGS)
            new.replace(config)
            with pytest.raises(SettingsInUseError):
                only_launcher_of(config).__enter__()


class TestAnnouncedServers:
    def test_commands_find_the_servers_of_a_running_up_by_its_settings(self, config: Path) -> None:
        data = data_folder(config)
        assert data == config.parent / "mailcase-data"
        data.mkdir()
        with announced(config, data, URLS):
            found = with_running_servers(loaded(config), config)
            assert (found.broker.url, found.store.url) == tuple(URLS.values())
            assert stat.S_IMODE((data / FILE).stat().st_mode) == 0o600
            other = config.with_name("other.toml")
            assert with_running_servers(loaded(config), other).broker.url is None
        assert with_running_servers(loaded(config), config).broker.url is None

    def test_what_the_settings_or_the_environment_name_comes_first(self, config: Path) -> None:
        data_folder(config).mkdir()
        own = loaded(config, MAILCASE_BROKER_URL="amqp://broker.example/")
        with announced(config, data_folder(config), URLS):
            found = with_running_servers(own, config)
        assert (found.broker.url, found.store.url) == (
            "amqp://broker.example/",
            URLS["MAILCASE_STORE_URL"],
        )

    def test_a_file_left_by_a_killed_up_or_an_invalid_one_is_ignored(self, config: Path) -> None:
        file = data_folder(config) / FILE
        file.parent.mkdir()
        with announced(config, file.parent, URLS):
            note = json.loads(file.read_bytes())
        with subprocess.Popen(["true"]) as ended:
            ended.wait()
        lefts: list[object] = [
            {**note, "pid": ended.pid},
            {**note, "process": "another boot"},
            {"pid": "x"},
            [],
            7,
        ]
        for left in lefts:
            file.write_text(json.dumps(left))
            assert with_running_servers(loaded(config), config).store.url is None
        file.write_bytes(b"\xff{")
        assert with_running_servers(loaded(config), config).store.url is None


class TestOtherDataFolder:
    def test_a_running_up_is_found_wherever_its_data_is(self, config: Path, tmp_path: Path) -> None:
        data = tmp_path / "else where ż"
        data.mkdir()
        with only_launcher_of(config, data), announced(config, data, URLS, {"router": 7}):
            assert launcher_of(config) == Launcher(os.getpid(), os.geteuid(), data)
            running = find_running(config)
            assert running is not None
            assert (running.data, running.services) == (data, {"router": 7})
            found = with_running_servers(loaded(config), config)
            assert found.store.url == URLS["MAILCASE_STORE_URL"]
            assert "s3cret" not in repr(running)
        assert launcher_of(config) is None
        assert find_running(config) is None

    def test_many_clients_one_of_which_hangs_do_not_hold_up_the_launcher(
        self, config: Path
    ) -> None:
        with only_launcher_of(config, config.parent):
            silent = socket.socket(socket.AF_UNIX)
            silent.connect(_address(config))
            assert all(launcher_of(config) is not None for _ in range(50))
            silent.close()

    def test_services_can_be_left_out_by_name(self) -> None:
        assert "fetcher" not in {kind.name for kind in chosen(["fetcher"])}
        with pytest.raises(SettingsError, match="there is no service 'fetch'"):
            chosen(["fetch"])

    def test_disk_use_is_counted_by_part(self, tmp_path: Path) -> None:
        (tmp_path / "store-0").mkdir()
        (tmp_path / "store-0" / "journal").write_bytes(b"x" * 100_000)
        (tmp_path / "ports.json").write_bytes(b"x" * 100_000)
        use = disk_use(tmp_path)
        assert 100_000 <= use.by_part["store"] < 120_000
        assert 100_000 <= use.by_part["other"] < 120_000
        assert use.total == sum(use.by_part.values())
        assert use.free > 0
        assert disk_use(tmp_path / "missing").total == 0


class TestExportedUrls:
    def test_exported_urls_of_an_earlier_run_do_not_count_as_another_server(
        self, tmp_path: Path
    ) -> None:
        Secrets(tmp_path / "secrets").write("broker", "s3cret")
        environ, own = without_own_exports({**URLS, "HOME": "/"}, tmp_path)
        assert own == ["MAILCASE_BROKER_URL"]
        assert environ == {"HOME": "/", "MAILCASE_STORE_URL": URLS["MAILCASE_STORE_URL"]}
        assert without_own_exports({**URLS, "MAILCASE_BROKER_URL": "amqp://["}, tmp_path)[1] == []

    def test_a_url_that_leads_to_nothing_is_named_without_its_password(self, config: Path) -> None:
        [line] = silent_servers(loaded(config, **BROKER), BROKER)
        assert line.startswith("MAILCASE_BROKER_URL names 127.0.0.1:1, where nothing answers: ")
        assert "`unset MAILCASE_BROKER_URL`" in line
        assert "s3cret" not in line
        assert origin("store", BROKER) == "[store].url"

    def test_one_host_of_a_replica_set_that_answers_is_enough(self, config: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            alive = {
                "MAILCASE_STORE_URL": f"mongodb://a:b@127.0.0.1:1,127.0.0.1:{port}/?replicaSet=rs0"
            }
            assert silent_servers(loaded(config, **alive), alive) == []
        assert len(silent_servers(loaded(config, **alive), alive)) == 1


class TestDataFolder:
    def test_data_of_an_earlier_version_in_the_current_folder_is_reported(
        self, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        called_from = tmp_path / "elsewhere"
        (called_from / "mailcase-data").mkdir(parents=True)
        monkeypatch.chdir(called_from)
        assert _default_data(config) == data_folder(config)
        (called_from / "mailcase-data" / "ports.json").touch()
        with pytest.raises(
            SettingsError, match=f"{called_from}/mailcase-data holds data, .* --data"
        ):
            _default_data(config)
        (called_from / "mailcase.toml").touch()  # whose data it is
        assert _default_data(config) == data_folder(config)

    def test_secrets_are_made_once_and_nobody_else_can_read_them(self, tmp_path: Path) -> None:
        secrets = Secrets(tmp_path / "secrets")
        assert secrets.read("store") is None
        made = secrets.obtain("store")
        assert len(made) >= 32
        assert Secrets(tmp_path / "secrets").obtain("store") == made != secrets.obtain("broker")
        for place, mode in ((tmp_path / "secrets", 0o700), (secrets.path("store"), 0o600)):
            assert stat.S_IMODE(place.stat().st_mode) == mode

    def test_a_port_stays_while_its_clients_know_it_and_who_takes_it_is_to_blame(
        self, tmp_path: Path
    ) -> None:
        ports = Ports(tmp_path / "ports.json")
        port = ports.get("store")
        with socket.create_server(("127.0.0.1", port)):
            with pytest.raises(
                LocalServerError, match=f"another program uses port {port} of store"
            ):
                ports.get("store")
            # after a new start nobody knows it yet
            assert Ports(tmp_path / "ports.json").get("store") != port
        assert ports.get("store") == port

    @pytest.mark.parametrize(
        "old", [b'"/old/place/quorum/n@h"', b"[47,322,\n  47]", rb'"/od\"d \\ place"']
    )
    @pytest.mark.parametrize(("folder", "written"), [("new", b'"%s"'), ("nowe \u0142", b"[%s]")])
    def test_the_broker_s_notes_of_its_place_follow_the_folder(
        self, tmp_path: Path, old: bytes, folder: str, written: bytes
    ) -> None:
        system = tmp_path / folder / "quorum" / "mailcase@localhost"
        config = system / "2F_QQ" / "config"
        config.parent.mkdir(parents=True)
        text = b'#{uid => <<"2F_QQ">>,system_config => #{data_dir =>\n   %s,names => #{},wal_data_dir => %s}}.'
        config.write_bytes(text % (old, old))
        update_data_paths(tmp_path / folder)
        here = (
            str(system).encode()
            if folder == "new"
            else ",".join(str(ord(char)) for char in str(system)).encode()
        )
        assert config.read_bytes() == text % (written % here, written % here)
        before = config.stat().st_mtime_ns
        update_data_paths(tmp_path / folder)
        assert config.stat().st_mtime_ns == before
