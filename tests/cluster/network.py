"""Several machines on one: network namespaces on a bridge, whose links can be cut, slowed or made
lossy.

Addresses are in 198.18.0.0/15, which no real network uses (RFC 2544, benchmarks). The test itself
is connected to the bridge. It needs root, and ip(8), bridge(8) and tc(8) of iproute2.
"""

import os
import secrets
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

NOBODY = "02:00:00:00:00:ff"  # a hardware address that no link has


class Network:
    """`size` namespaces, numbered from 1. `prefix(n)` is the beginning of a command that runs in
    namespace n.
    """

    def __init__(self, size: int) -> None:
        self.machines = range(1, size + 1)
        self._name = f"mc{secrets.token_hex(3)}"
        self._subnet = f"198.{secrets.choice((18, 19))}.{secrets.randbelow(256)}"

    def address(self, machine: int) -> str:
        return f"{self._subnet}.{machine}"

    def prefix(self, machine: int) -> list[str]:
        return ["ip", "netns", "exec", self._namespace(machine)]

    def cut(self, machine: int) -> None:
        """Drop everything from and to the machine, without rejecting it: its link leaves the
        bridge.
        """
        _ip("link", "set", self._link(machine), "nomaster")

    def heal(self, machine: int) -> None:
        """Undo `cut`, `lose_sent` and `slow`."""
        _ip("link", "set", self._link(machine), "master", self._name)
        for other in (*self.machines, 254):
            if other != machine:
                with suppress(subprocess.CalledProcessError):
                    self._in(machine, "ip", "neigh", "del", self.address(other), "dev", "eth0")
        with suppress(subprocess.CalledProcessError):
            self._in(machine, "tc", "qdisc", "del", "dev", "eth0", "root")

    def lose_sent(self, machine: int) -> None:
        """Lose what this machine sends to other machines; what they and clients send arrives."""
        for other in self.machines:
            if other != machine:
                entry = [self.address(other), "lladdr", NOBODY, "dev", "eth0", "nud", "permanent"]
                self._in(machine, "ip", "neigh", "replace", *entry)

    def slow(self, machine: int, kbit: int) -> None:
        """Limit the rate of what this machine sends; up to a second of it is queued (tc-tbf(8))."""
        rate = ["rate", f"{kbit}kbit", "burst", "10kb", "latency", "1s"]
        self._in(machine, "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", *rate)

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def _build(self) -> None:
        _ip("link", "add", self._name, "type", "bridge")
        _ip("addr", "add", f"{self._subnet}.254/24", "dev", self._name)
        _ip("link", "set", self._name, "up")
        for machine in self.machines:
            namespace, link = self._namespace(machine), self._link(machine)
            _ip("netns", "add", namespace)
            peer = ["peer", "name", "eth0", "netns", namespace]
            _ip("link", "add", link, "type", "veth", *peer)
            _ip("link", "set", link, "master", self._name, "up")
            self._in(machine, "ip", "link", "set", "lo", "up")
            self._in(machine, "ip", "addr", "add", f"{self.address(machine)}/24", "dev", "eth0")
            self._in(machine, "ip", "link", "set", "eth0", "up")

    def _remove(self) -> None:
        for machine in self.machines:
            with suppress(subprocess.CalledProcessError):
                _ip("link", "del", self._link(machine))
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", self._namespace(machine))
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._name)

    def _namespace(self, machine: int) -> str:
        return f"{self._name}-{machine}"

    def _link(self, machine: int) -> str:
        return f"{self._name}v{machine}"

    def _in(self, machine: int, *command: str) -> None:
        _run([*self.prefix(machine), *command])


def permitted() -> str:
    """Why this machine does not permit such a network; "" if it does."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    try:
        with Network(1) as network:
            network.slow(1, 1000)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        return f"no network namespaces here: {getattr(error, 'stderr', error)}"
    return ""


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
