"""The unit file of systemd for `mailcase up`. Pure.

Restrictions of systemd.exec(5) that cannot be used: `MemoryDenyWriteExecute`, because Erlang
compiles at run time; `ProcSubset=pid`, because the guardians of the private servers read the boot
id in /proc/sys; `PrivateNetwork`, because mail arrives over the network.
"""

from dataclasses import dataclass
from pathlib import Path

MARK = "# Written by `mailcase service install`."


@dataclass(frozen=True)
class UnitOptions:
    """All paths are absolute. `memory` is as systemd writes it, such as `2G`."""

    program: tuple[str, ...]
    config: Path
    data: Path
    user: str
    memory: str


def unit_text(options: UnitOptions) -> str:
    """The unit file."""
    command = _command(options, "up", "--config", str(options.config), "--data", str(options.data))
    return _filled(TEMPLATE, options, command, data=quoted(str(options.data)))


def retention_texts(options: UnitOptions, unit: str) -> dict[str, str]:
    """The units that run `mailcase retention` every day, in addition to the one named `unit`: their
    texts by the suffixes of their names.
    """
    command = _command(options, "retention", "--config", str(options.config))
    return {
        "-retention.service": _filled(RETENTION, options, command, unit=unit),
        "-retention.timer": _filled(TIMER, options, command),
    }


def _command(options: UnitOptions, *words: str) -> str:
    return " ".join(quoted(word) for word in (*options.program, *words))


def _filled(template: str, options: UnitOptions, command: str, **more: str) -> str:
    # A program or settings below /home must be readable; nothing there is writable.
    homes = any(
        str(path).startswith(("/home/", "/root/", "/run/user/"))
        for path in (options.config, Path(options.program[0]))
    )
    return template.format(
        mark=MARK,
        config=str(options.config).replace("%", "%%"),
        user=options.user,
        command=command,
        memory=options.memory,
        rights=RIGHTS.format(homes="read-only" if homes else "yes"),
        **more,
    )


def quoted(word: str) -> str:
    """A word of a command line in systemd.service(5), with specifiers, variables and quotes
    escaped.
    """
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    plain = all(char.isalnum() or char in "/._-+=:@,%" for char in text)
    return text if plain and text else f'"{text}"'


TEMPLATE = """\
{mark}
[Unit]
Description=Mailcase: mails become cases ({config})
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=600
StartLimitBurst=10

[Service]
Type=notify
NotifyAccess=main
User={user}
ExecStart={command}
# Only `up` gets the signal: it stops its services and servers in their order.
KillMode=mixed
TimeoutStartSec=600
TimeoutStopSec=120
Restart=on-failure
RestartSec=5
# `up` reports that it supervises; if it hangs, it is restarted. It restarts its services itself.
WatchdogSec=120

MemoryMax={memory}
TasksMax=4096
LimitNOFILE=65536
OOMPolicy=continue

ReadWritePaths={data}
{rights}
[Install]
WantedBy=multi-user.target
"""

RIGHTS = """\
UMask=0077
ProtectSystem=strict
ProtectHome={homes}
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
"""

RETENTION = """\
{mark}
[Unit]
Description=Mailcase: old closed cases are emptied ({config})
After={unit}.service

[Service]
Type=oneshot
User={user}
ExecStart={command}
TimeoutStartSec=6h
MemoryMax={memory}
{rights}"""

TIMER = """\
{mark}
[Unit]
Description=Mailcase: old closed cases are emptied every day ({config})

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
# If the machine was off at that time, it runs when the machine is on.
Persistent=yes

[Install]
WantedBy=timers.target
"""
