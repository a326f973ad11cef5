"""The servers of other Debian releases, unpacked and ready for `MAILCASE_PROGRAMS`."""

from pathlib import Path

from tests.matrix.relocation import link, relocate, relocate_erlang
from tests.matrix.suites import Suite

DEBIAN_13 = "trixie"
UNSTABLE = "unstable"
SUITES = (DEBIAN_13, UNSTABLE)

PACKAGES = ("rabbitmq-server", "dovecot-imapd", "dovecot-pop3d", "patchelf")
RELOCATED = ("usr/lib/erlang", "usr/lib/dovecot", "usr/libexec", "usr/sbin")
BROKER = {
    "epmd": "usr/lib/erlang/erts-*/bin/epmd",
    "erl": "usr/lib/erlang/bin/erl",
    "escript": "usr/lib/erlang/bin/escript",
    "rabbitmq-server": "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    "rabbitmqctl": "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmqctl",
}
MAIL = {"dovecot": "usr/sbin/dovecot"}


def unpacked(name: str) -> Suite:
    """The suite with its servers. Raises UnpackError."""
    suite = Suite(name)
    if suite.unpack(*PACKAGES):
        relocate(suite, RELOCATED)
        relocate_erlang(suite)
        link(suite, "broker", BROKER)
        link(suite, "mail", MAIL)
    return suite


def broker_programs(name: str) -> Path:
    """The folder with RabbitMQ and Erlang of that suite."""
    return unpacked(name).folder / "broker"


def mail_programs(name: str) -> Path:
    """The folder with Dovecot of that suite."""
    return unpacked(name).folder / "mail"
