"""Readiness, liveness, and what a probe gets over real HTTP."""

import asyncio
import json
import socket
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from services.runtime.errors import PermanentError
from services.runtime.process.health import BEAT_S, Health
from services.runtime.process.http import serve_http


def ready(health: Health) -> bool:
    """Call instead of reading the property, since its value changes between two reads."""
    return health.ready


class TestReadiness:
    def test_a_service_is_ready_once_everything_that_it_needs_is_up(self) -> None:
        health = Health("broker", "store")
        assert not ready(health)
        health.up("broker")
        assert not ready(health)
        health.up("store")
        assert ready(health)
        health.down("broker", "connection refused")
        assert not ready(health)

    def test_a_service_without_dependencies_is_ready(self) -> None:
        assert Health().ready

    def test_mailboxes_do_not_count_for_readiness(self) -> None:
        health = Health("broker")
        health.up("broker")
        health.member_down("one", "login refused")
        assert ready(health)
        assert health.report()["mailboxes"] == {"one": "login refused"}

    def test_working_mailboxes_do_not_make_up_for_a_need(self) -> None:
        health = Health("broker")
        health.member_up("one")
        assert not ready(health)

    def test_the_report_names_every_part_with_its_reason(self) -> None:
        health = Health("broker", "store")
        assert health.report() == {"broker": "starting", "store": "starting"}
        health.up("broker")
        health.down("store", "no primary")
        health.member_up("b")
        health.member_down("a", "login: refused")
        assert health.report() == {
            "broker": "up",
            "store": "no primary",
            "mailboxes": {"a": "login: refused", "b": "up"},
        }


def test_a_service_with_a_blocked_loop_is_not_alive() -> None:
    health = Health()
    now = time.monotonic()
    assert health.alive(now)
    assert not health.alive(now + health.patience_s + 1.0)


async def test_a_beat_shows_that_the_loop_turns() -> None:
    health = Health()
    health._last_beat = float("-inf")
    beating = asyncio.ensure_future(health.beat())
    await asyncio.sleep(0)
    assert health.alive(time.monotonic())
    beating.cancel()


async def test_a_loop_that_something_blocks_is_seen_to_lag() -> None:
    def lag_s() -> float:
        return REGISTRY.get_sample_value("mailcase_event_loop_lag_seconds_sum") or 0.0

    before = lag_s()
    beating = asyncio.ensure_future(Health().beat())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(time.sleep, BEAT_S + 0.2)
    await asyncio.sleep(BEAT_S + 0.1)  # after the beat, which is due before that
    beating.cancel()
    assert lag_s() >= before + 0.19


class TestServing:
    @pytest.fixture
    def health(self) -> Health:
        return Health("broker")

    @pytest.fixture
    def port(self, health: Health) -> Iterator[int]:
        with serve_http(health, 0, "127.0.0.1") as port:
            yield port

    def get(self, port: int, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def test_readiness_is_200_or_503_with_the_reasons(self, health: Health, port: int) -> None:
        status, body = self.get(port, "/readyz")
        assert (status, json.loads(body)) == (503, {"ok": False, "broker": "starting"})
        health.up("broker")
        status, body = self.get(port, "/readyz")
        assert (status, json.loads(body)) == (200, {"ok": True, "broker": "up"})

    def test_an_address_that_this_machine_does_not_have_is_named_with_the_option(
        self, health: Health
    ) -> None:
        hint = r"port 0 of 192\.0\.2\.1: .*--http-host"
        with pytest.raises(PermanentError, match=hint), serve_http(health, 0, "192.0.2.1"):
            pass

    def test_a_service_may_be_alive_without_being_ready(self, health: Health, port: int) -> None:
        assert self.get(port, "/healthz")[0] == 200
        health._last_beat = float("-inf")
        assert self.get(port, "/healthz")[0] == 503

    def test_metrics_are_served_in_prometheus_form(self, port: int) -> None:
        status, body = self.get(port, "/metrics")
        assert status == 200
        assert 'mailcase_dependency_up{dependency="broker"}' in body

    def test_any_other_path_says_what_is_served(self, port: int) -> None:
        status, body = self.get(port, "/")
        assert status == 404
        assert "/readyz" in body

    def test_a_client_that_says_nothing_holds_up_no_other(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)):
            assert self.get(port, "/healthz")[0] == 200

    def test_a_client_that_leaves_early_is_no_event(
        self, port: int, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port)) as early:
                # On and zero seconds: closing resets the connection, as a probe that gave up does.
                early.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert self.get(port, "/healthz")[0] == 200
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize("wrong", [70_000, -1])
    def test_an_impossible_port_is_reported(self, health: Health, wrong: int) -> None:
        with (
            pytest.raises(PermanentError, match="--http-port"),
            serve_http(health, wrong, "127.0.0.1"),
        ):
            pass

    def test_an_occupied_port_is_reported(self, health: Health, port: int) -> None:
        with pytest.raises(PermanentError, match=str(port)), serve_http(health, port, "127.0.0.1"):
            pass

    def test_the_port_is_free_again_at_the_end(self, health: Health) -> None:
        with serve_http(health, 0, "127.0.0.1") as first:
            pass
        with serve_http(health, first, "127.0.0.1") as again:
            assert again == first
