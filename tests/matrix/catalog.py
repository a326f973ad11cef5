"""What `make matrix` can run."""

import itertools
from collections.abc import Iterable

from tests.matrix import unpacked

FETCHER = "tests/integration/fetcher"
WHOLE_PATH = "whole-path"
# The tests without servers, in runs of some minutes each.
UNIT = {
    "services": ("fetcher", "router", "sender"),
    "cases": ("casework", "schemas"),
    "fields": ("extractor",),
    "case-writer": ("case_writer",),
    "runtime": ("runtime", "deploy", "matrix", "benchmarks"),
    "commands": ("cli",),
    "desk": ("desk",),
}
# The fault tests in full size, one after another.
FULL_FAULTS = {
    "full-kills": ("kills", "sender_dies", "desk_killed"),
    "full-crashes": ("crashes",),
    "full-servers": ("servers_die",),
    "full-links": ("links", "stopping"),
    "full-casework": ("casework",),
    "full-numbers": ("numbers",),
    "full-overdue": ("overdue",),
}
CLUSTER_NODES = "tests/cluster/test_nodes.py"
# Each test of a cluster is a run, since each takes minutes.
CLUSTERS = {
    "thousands": "tests/cluster/test_thousands.py",
    "killed": f"{CLUSTER_NODES}::test_each_broker_node_is_killed",
    "cut-off": f"{CLUSTER_NODES}::test_a_machine_is_cut_off",
    "leaders": f"{CLUSTER_NODES}::test_the_primary_and_the_leaders_die_together",
    "links": f"{CLUSTER_NODES}::test_links_lose_one_direction_or_get_slow",
    "disk": f"{CLUSTER_NODES}::test_the_disk_of_a_machine_is_full",
    "volume": f"{CLUSTER_NODES}::test_a_node_loses_its_volume",
    "restart": f"{CLUSTER_NODES}::test_a_rolling_restart",
}
# These start with one release only.
CLUSTERS_OF = {
    unpacked.DEBIAN_13: {"upgrade": "tests/cluster/test_upgrade.py"},
    unpacked.UNSTABLE: {
        "taken-over": f"{CLUSTER_NODES}::test_mailboxes_of_a_dead_node_are_read_by_another_ten_times"
    },
}
TESTS = {
    "broker": ["tests/integration/broker", f"{FETCHER}/test_leases.py"],
    "e2e": ["tests/e2e"],
    "faults": ["tests/faults"],
    **{
        name: [f"tests/faults/test_{part}.py" for part in parts]
        for name, parts in FULL_FAULTS.items()
    },
    "full-office": ["tests/faults/office"],
    WHOLE_PATH: ["tests/matrix/test_whole_path.py"],
    "mail": [f"{FETCHER}/test_{name}.py" for name in ("imap", "pop3", "oauth2")],
    **{group: [f"tests/unit/{part}" for part in parts] for group, parts in UNIT.items()},
    "contract": ["tests/contract"],
    **{name: [test] for tests in (CLUSTERS, *CLUSTERS_OF.values()) for name, test in tests.items()},
}
SLOW = (WHOLE_PATH, *FULL_FAULTS, "full-office")
INSTALLED = "installed"
RELEASES = (INSTALLED, *unpacked.SUITES)
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def names() -> list[str]:
    """The name of each run: PRODUCT/SOURCE/TESTS."""
    rabbitmq = _named("rabbitmq", RELEASES, ("broker", "e2e", "faults", WHOLE_PATH))
    dovecot = _named("dovecot", RELEASES, ("mail",))
    return rabbitmq + dovecot + _named("python", PYTHONS, (*UNIT, "contract"))


def long_names() -> list[str]:
    """The runs that take hours together; they run only if they are named."""
    faults = _named("rabbitmq", RELEASES, (*FULL_FAULTS, "full-office"))
    clusters = _named("cluster", unpacked.SUITES, CLUSTERS)
    return (
        faults
        + clusters
        + [
            name
            for release, tests in CLUSTERS_OF.items()
            for name in _named("cluster", (release,), tests)
        ]
    )


def _named(product: str, sources: Iterable[str], tests: Iterable[str]) -> list[str]:
    return [f"{product}/{source}/{test}" for source, test in itertools.product(sources, tests)]
