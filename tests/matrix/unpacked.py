"""The servers of other Debian releases, unpacked and ready for `MAILCASE_PROGRAMS`."""

from pathlib import Path

from tests.matrix.relocation import link, relocate, relocate_erlang
from tests.matrix.suites import Suite

DEBIAN_13 = "trixie"
UNSTABLE = "unstable"
SUITES = (DEBIAN_13, UNSTABLE)

PACKAGES = ("rabbitmq-server", "dovecot-imapd", "dovecot-pop3d", "patchelf")
RELOCATED = ("usr/lib/erlang", "usr/lib/dovecot", "usr/sbin", "usr/bin")
BROKER = {
    "epmd": "usr/lib/erlang/erts-*/bin/epmd",
    "erl": "usr/lib/erlang/bin/erl",
    "escript": "usr/lib/erlang/bin/escript",
    "rabbitmq-server": "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    **{
        tool: f"usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/{tool}"
        for tool in ("rabbitmqctl", "rabbitmq-queues", "rabbitmq-streams")
    },
}


def unpacked(name: str) -> Suite:
    """The suite with its servers. Raises UnpackError."""
    suite = Suite(name)
    ready = suite.folder / "ready"
    if suite.unpack(*PACKAGES) or not ready.exists():
        relocate(suite, RELOCATED)
        relocate_erlang(suite)
        _relocate_dovecot(suite)
        ready.touch()
    link(suite, "broker", BROKER)
    return suite


def broker_programs(name: str) -> Path:
    """The folder with RabbitMQ and Erlang from that suite."""
    return unpacked(name).folder / "broker"


def mail_programs(name: str) -> Path:
    """The folder with Dovecot from that suite."""
    return unpacked(name).folder / "mail"


def _relocate_dovecot(suite: Suite) -> None:
    """A command that lets Dovecot find its own files at the paths for which it was built.

    Some of its paths have no setting. They are mounted in a namespace of the process, without root
    (unshare(1), mount_namespaces(7)); an installed Dovecot provides the mount points.
    """
    root = suite.root
    mounts = " && ".join(
        f"mount --bind {root}/{path} /{path}" for path in ("usr/lib/dovecot", "usr/bin/doveconf")
    )
    script = root / "usr/bin/dovecot"
    script.write_text(
        "#!/bin/sh\n"
        "exec unshare --user --mount --map-current-user --keep-caps sh -c "
        f'\'{mounts} && exec {root}/usr/sbin/dovecot "$@"\' dovecot "$@"\n'
    )
    script.chmod(0o755)
    folder = suite.folder / "mail"
    folder.mkdir(exist_ok=True)
    (folder / "dovecot").unlink(missing_ok=True)
    (folder / "dovecot").symlink_to(script)
