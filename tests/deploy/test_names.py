"""Names that occur in several places are the same everywhere; schemas cannot check this."""

import importlib
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from prometheus_client import REGISTRY

from services.case_writer.main import PREFETCH_AHEAD
from services.cli.application import app
from services.runtime.broker.topology import mailcase_topology, private_queue_name, receipts_queue
from services.runtime.process.lifecycle import DRAIN_DEADLINE_S
from services.runtime.settings import URL_VARIABLES, Settings, load_settings
from tests.deploy.manifests import (
    K8S,
    OVERLAYS,
    ROOT,
    Labels,
    Manifest,
    container,
    deployments,
    named,
    of_kind,
    pod_labels,
    render,
    selects,
    values,
)

TOPOLOGY = mailcase_topology(archive_max_age_days=1, archive_max_bytes=1)
# how long a service may take to close after its drain, see services/runtime/process/lifecycle.py
CLOSING_S = 2.0
OWN_LABEL = "app.kubernetes.io/name"
# What the operators put on their pods.
SERVER_PODS: list[Labels] = [{OWN_LABEL: "mailcase-rabbitmq"}, {"app": "mailcase-mongodb-svc"}]
# Secrets and ConfigMaps that the manifests do not contain; docs/kubernetes.md describes how to
# create them.
FROM_OUTSIDE = {
    "mailcase-broker", "mailcase-store", "mailcase-mailboxes", "mailcase-keys", "mailcase-smtp", "mailcase-ca",
    "mailcase-oidc",
    "mailcase-rabbitmq-tls", "mailcase-rabbitmq-default-user",
    "mailcase-mongodb-tls", "mailcase-mongodb-services", "mailcase-mongodb-services-password",
    "mailcase-mongodb-reader", "mailcase-mongodb-reader-password",
}  # fmt: skip
overlays = pytest.mark.parametrize("overlay", OVERLAYS)


@overlays
def test_every_service_of_the_command_line_is_deployed_under_its_own_name(overlay: str) -> None:
    in_code = {path.parent.name.replace("_", "-") for path in (ROOT / "services").glob("*/main.py")}
    assert {deployment["metadata"]["name"] for deployment in deployments(overlay)} == in_code
    for deployment in deployments(overlay):
        command, *options = container(deployment)["args"]
        assert (
            command
            == deployment["metadata"]["name"]
            == pod_labels(deployment)["app.kubernetes.io/component"]
        )
        _, bound, _ = app.parse_args([command, *options], exit_on_error=False, print_error=False)
        ports = {port["name"]: port["containerPort"] for port in container(deployment)["ports"]}
        assert bound.arguments["http_port"] == ports["http"] == 8080
        if command == "desk":
            assert bound.arguments["listen"] == f"0.0.0.0:{ports['desk']}"
        assert bound.arguments["config"] == _settings_file(deployment)


@overlays
def test_selectors_select_the_pods_that_they_are_for(overlay: str) -> None:
    for deployment in deployments(overlay):
        name, labels = deployment["metadata"]["name"], pod_labels(deployment)
        assert [
            other["metadata"]["name"]
            for other in deployments(overlay)
            if selects(deployment["spec"]["selector"], pod_labels(other))
        ] == [name]
        assert selects(named(overlay, "PodDisruptionBudget", name)["spec"]["selector"], labels)
        for spread in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert selects(spread["labelSelector"], labels)
            assert {"app.kubernetes.io/component", "pod-template-hash"} == set(
                spread["matchLabelKeys"]
            )


@overlays
def test_no_selector_selects_nothing(overlay: str) -> None:
    pods = [pod_labels(deployment) for deployment in deployments(overlay)] + SERVER_PODS
    kinds, keys = (
        ("PodDisruptionBudget", "PodMonitor", "NetworkPolicy"),
        ("selector", "podSelector"),
    )
    specs = [manifest["spec"] for kind in kinds for manifest in of_kind(overlay, kind)]
    selectors = [selector for spec in specs for key in keys for selector in values(spec, key)]
    elsewhere = {"matchLabels": {"k8s-app": "kube-dns"}}
    assert selectors
    for selector in selectors:
        assert selector == elsewhere or any(selects(selector, labels) for labels in pods), selector


@overlays
def test_a_disruption_takes_one_pod_of_a_service_at_a_time(overlay: str) -> None:
    budgets = of_kind(overlay, "PodDisruptionBudget")
    assert {budget["metadata"]["name"] for budget in budgets} >= {
        deployment["metadata"]["name"] for deployment in deployments(overlay)
    }
    assert {budget["spec"]["maxUnavailable"] for budget in budgets} == {1}
    names = {deployment["metadata"]["name"] for deployment in deployments(overlay)}
    of_stages = [budget["spec"] for budget in budgets if budget["metadata"]["name"] in names]
    # Without it, an outage, in which no service is ready, would block every node drain.
    assert {budget["unhealthyPodEvictionPolicy"] for budget in of_stages} == {"AlwaysAllow"}


@overlays
def test_services_have_accounts_of_their_own_without_a_token(overlay: str) -> None:
    accounts = {
        manifest["metadata"]["name"]: manifest for manifest in of_kind(overlay, "ServiceAccount")
    }
    for deployment in deployments(overlay):
        account = accounts.pop(deployment["spec"]["template"]["spec"]["serviceAccountName"])
        assert account["automountServiceAccountToken"] is False
    assert accounts == {}


@overlays
def test_probes_use_the_paths_of_the_services(overlay: str) -> None:
    answered = (ROOT / "services/runtime/process/http.py").read_text()
    for deployment in deployments(overlay):
        one = container(deployment)
        paths = {
            probe: one[probe]["httpGet"]["path"]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        }
        assert paths == {
            "startupProbe": "/healthz",
            "livenessProbe": "/healthz",
            "readinessProbe": "/readyz",
        }
        assert all(f'case "{path}":' in answered for path in paths.values())
        assert {one[probe]["httpGet"]["port"] for probe in paths} == {"http"}
    for monitor in of_kind(overlay, "PodMonitor"):
        if monitor["metadata"]["name"] != "mailcase":
            continue
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")
        assert all(
            selects(monitor["spec"]["selector"], pod_labels(deployment))
            for deployment in deployments(overlay)
        )


@overlays
def test_a_service_has_the_time_to_drain_before_it_is_killed(overlay: str) -> None:
    for deployment in deployments(overlay):
        pod = deployment["spec"]["template"]["spec"]
        assert "preStop" not in str(pod)  # its time would count as well
        assert pod["terminationGracePeriodSeconds"] > DRAIN_DEADLINE_S + CLOSING_S


@overlays
def test_the_settings_load_and_name_secrets_where_they_are_mounted(overlay: str) -> None:
    for deployment in deployments(overlay):
        settings = _settings(overlay, deployment)
        mounted = {Path(mount["mountPath"]) for mount in container(deployment)["volumeMounts"]}
        if deployment["metadata"]["name"] == "fetcher":
            files = [
                mailbox.password_file
                for mailbox in settings.mailboxes.values()
                if mailbox.password_file
            ]
            assert files
            assert {file.parent for file in files} <= mounted


@overlays
def test_the_services_that_sign_or_verify_have_the_keys_and_no_other_has(overlay: str) -> None:
    for deployment in deployments(overlay):
        package = ROOT / "services" / deployment["metadata"]["name"].replace("-", "_")
        signs = any(
            "message_id_signer(settings)" in file.read_text() for file in package.glob("*.py")
        )
        mounted = {mount["mountPath"] for mount in container(deployment)["volumeMounts"]}
        assert ("/run/secrets/mailcase" in mounted) == signs


@overlays
def test_a_service_gets_the_urls_of_just_the_servers_that_it_uses(overlay: str) -> None:
    reachable = named(overlay, "NetworkPolicy", "services-to-store")["spec"]["podSelector"]
    for deployment in deployments(overlay):
        module = importlib.import_module(
            f"services.{deployment['metadata']['name'].replace('-', '_')}.main"
        )
        used = {
            variable for name, variable in URL_VARIABLES.items() if hasattr(module, f"{name}_url")
        }
        assert {variable["name"] for variable in container(deployment)["env"]} & set(
            URL_VARIABLES.values()
        ) == used
        assert selects(reachable, pod_labels(deployment)) == (URL_VARIABLES["store"] in used)


@overlays
def test_names_of_secrets_and_config_maps_lead_somewhere(overlay: str) -> None:
    known = {
        manifest["metadata"]["name"] for manifest in of_kind(overlay, "ConfigMap")
    } | FROM_OUTSIDE
    keys = ("secretName", "configMap", "secretKeyRef", "secretTargetRef", "configMapTargetRef", "passwordSecretRef",
            "certificateKeySecretRef", "caConfigMapRef")  # fmt: skip
    manifests = [manifest for kind in ("Deployment", "TriggerAuthentication", "RabbitmqCluster", "MongoDBCommunity")
                 for manifest in of_kind(overlay, kind)]  # fmt: skip
    found = {
        name
        for manifest in manifests
        for key in keys
        for value in values(manifest, key)
        for name in _names(value)
    }
    assert found
    assert found - known == set()
    guide = (ROOT / "docs/kubernetes.md").read_text()
    assert [name for name in sorted(FROM_OUTSIDE) if f"`{name}`" not in guide] == []


@overlays
def test_every_image_is_of_this_version(overlay: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {container(deployment)["image"] for deployment in deployments(overlay)}
    assert images == {f"registry.example.com/mailcase:{version}"}
    assert f"ARG VERSION={version}\n" in (ROOT / "deploy/Dockerfile").read_text()


@overlays
def test_scaling_goes_by_queues_and_metrics_that_exist(overlay: str) -> None:
    queues = {queue.name for queue in TOPOLOGY.queues}
    exported = _exported_metrics()
    for scaled in of_kind(overlay, "ScaledObject"):
        target = scaled["spec"]["scaleTargetRef"]["name"]
        deployment = named(overlay, "Deployment", target)
        assert scaled["metadata"]["name"] == target
        assert "replicas" not in deployment["spec"]  # applying it again would undo the scaling
        for trigger in scaled["spec"]["triggers"]:
            if trigger["type"] == "rabbitmq":
                assert trigger["metadata"]["queueName"] in queues
                named(overlay, "TriggerAuthentication", trigger["authenticationRef"]["name"])
            else:
                names = set(re.findall(r"\bmailcase_\w+", trigger["metadata"]["query"]))
                assert names
                assert names - exported == set()
                assert set(re.findall(r'queue="([^"]+)"', trigger["metadata"]["query"])) <= queues
                assert _namespaces(scaled) == {scaled["metadata"]["namespace"]}


@pytest.mark.parametrize("overlay", ["managed", "prod"])
def test_a_copy_of_an_overlay_is_in_another_namespace_by_one_line(
    overlay: str, tmp_path: Path
) -> None:
    for needed in ("k8s", "grafana"):
        shutil.copytree(ROOT / "deploy" / needed, tmp_path / needed)
    folder = tmp_path / "k8s" / "overlays" / overlay
    text = (folder / "kustomization.yaml").read_text()
    (folder / "kustomization.yaml").write_text(
        text.replace("\nnamespace: mailcase\n", "\nnamespace: elsewhere\n")
    )
    copy = render(folder)
    scaled = [word for word in copy if word["kind"] == "ScaledObject"]
    assert set().union(*map(_namespaces, scaled)) == {"elsewhere"}
    assert {word["metadata"]["namespace"] for word in copy if word["kind"] != "Namespace"} == {
        "elsewhere"
    }
    assert {name.split(".")[1] for name in values(copy, "serverName")} <= {"elsewhere"}


@overlays
def test_whoever_scales_all_services_scales_each_of_them(overlay: str) -> None:
    scaled = {manifest["metadata"]["name"] for manifest in of_kind(overlay, "ScaledObject")}
    assert scaled in (
        set(),
        {deployment["metadata"]["name"] for deployment in deployments(overlay)},
    )


@overlays
def test_fetchers_have_room_for_all_mailboxes_when_one_of_them_is_gone(overlay: str) -> None:
    for scaled in of_kind(overlay, "ScaledObject"):
        if scaled["metadata"]["name"] == "fetcher":
            (trigger,) = scaled["spec"]["triggers"]
            arguments = container(named(overlay, "Deployment", "fetcher"))["args"]
            _, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
            # An option, not a setting: an overlay replaces the whole settings file.
            assert int(trigger["metadata"]["threshold"]) < bound.arguments["max_mailboxes"]
            assert scaled["spec"]["minReplicaCount"] >= 2


@overlays
def test_only_services_whose_work_waits_in_a_queue_may_go_to_zero(overlay: str) -> None:
    for scaled in of_kind(overlay, "ScaledObject"):
        if scaled["metadata"]["name"] not in ("router", "case-writer"):
            assert scaled["spec"]["minReplicaCount"] > 0


@overlays
def test_the_broker_has_room_for_the_archive(overlay: str) -> None:
    for cluster in of_kind(overlay, "RabbitmqCluster"):
        storage = int(cluster["spec"]["persistence"]["storage"].removesuffix("Gi")) * 2**30
        config = cluster["spec"]["rabbitmq"]["additionalConfig"]
        (kept_free,) = re.findall(r"^disk_free_limit\.absolute = (\d+)GB$", config, re.MULTILINE)
        settings = _settings(overlay, named(overlay, "Deployment", "fetcher"))
        archives = sum(queue.arguments["x-queue-type"] == "stream" for queue in TOPOLOGY.queues)
        assert archives * settings.archive.max_bytes + 2 * int(kept_free) * 10**9 <= storage
        assert settings.limits.inline_mail_bytes < int(
            re.findall(r"^max_message_size = (\d+)$", config, re.MULTILINE)[0]
        )


@overlays
def test_database_users_have_rights_in_the_settings_database_alone(overlay: str) -> None:
    database = _settings(overlay, named(overlay, "Deployment", "case-writer")).store.database
    for server in of_kind(overlay, "MongoDBCommunity"):
        roles = {user["name"]: user["roles"] for user in server["spec"]["users"]}
        assert roles == {
            "mailcase-services": [{"name": "readWrite", "db": database}],
            "mailcase-reader": [{"name": "read", "db": database}],
        }


@overlays
def test_nothing_is_reachable_but_by_a_link_that_exists(overlay: str) -> None:
    policies = {
        manifest["metadata"]["name"]: manifest["spec"]
        for manifest in of_kind(overlay, "NetworkPolicy")
    }
    assert policies.pop("default-deny") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, spec in policies.items():
        rules = spec.get("ingress", []) + spec.get("egress", [])
        assert rules, name
        assert all(rule.get("ports") for rule in rules), f"{name} opens every port"
        assert all(rule.get("from") for rule in spec.get("ingress", [])), f"{name} lets everyone in"


def test_prod_reaches_only_its_own_servers() -> None:
    for name, server in (
        ("services-to-broker", SERVER_PODS[0]),
        ("services-to-store", SERVER_PODS[1]),
    ):
        (rule,) = named("prod", "NetworkPolicy", name)["spec"]["egress"]
        assert rule["to"] == [{"podSelector": {"matchLabels": server}}]


def test_every_dashboard_is_brought_along() -> None:
    found = named("prod", "ConfigMap", "mailcase-dashboards")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["data"] == {
        file.name: file.read_text() for file in (ROOT / "deploy/grafana").glob("*.json")
    }


def test_prod_scrapes_its_broker_where_the_page_on_metrics_says() -> None:
    endpoints = named("prod", "PodMonitor", "mailcase-rabbitmq")["spec"]["podMetricsEndpoints"]
    families = [
        ("family", family)
        for endpoint in endpoints
        for family in endpoint.get("params", {}).get("family", [])
    ]
    paths = {endpoint["path"] for endpoint in endpoints}
    assert paths == {"/metrics", "/metrics/detailed"}
    assert f"/metrics/detailed?{urlencode(families)}\n" in (ROOT / "docs/metrics.md").read_text()


@pytest.mark.parametrize("overlay", ["prod"])
def test_prod_speaks_tls_with_certificates_that_the_services_trust(overlay: str) -> None:
    (broker,), (store,) = of_kind(overlay, "RabbitmqCluster"), of_kind(overlay, "MongoDBCommunity")
    assert broker["spec"]["tls"]["disableNonTLSListeners"] is True
    assert store["spec"]["security"]["tls"]["enabled"] is True
    for deployment in deployments(overlay):
        (trusted,) = [
            variable["value"]
            for variable in container(deployment)["env"]
            if variable["name"] == "SSL_CERT_FILE"
        ]
        (mount,) = [
            mount
            for mount in container(deployment)["volumeMounts"]
            if mount["name"] == "private-ca"
        ]
        assert trusted == f"{mount['mountPath']}/ca.crt"
    access = named(overlay, "TriggerAuthentication", "mailcase-broker")["spec"]
    assert {target["parameter"] for target in access["configMapTargetRef"]} == {"tls", "ca"}


def test_the_rights_that_the_guide_names_cover_every_name_on_the_broker() -> None:
    (pattern,) = re.findall(
        r"configure, write and read on `(.*)`", (ROOT / "docs/kubernetes.md").read_text()
    )
    private = [private_queue_name("invoices"), receipts_queue("invoices", "0a1b")]
    names = [queue.name for queue in TOPOLOGY.queues] + list(TOPOLOGY.exchanges) + private
    assert [name for name in names if not re.search(pattern, name)] == []
    assert not re.search(pattern, "another.queue")


def test_every_component_is_used_by_an_overlay() -> None:
    used = "".join(
        (K8S / "overlays" / overlay / "kustomization.yaml").read_text() for overlay in OVERLAYS
    )
    for component in (K8S / "components").iterdir():
        # tests/deploy/test_examples.py renders these in the place of others.
        other = component.name in {"desk-gateway", "autoscaling-cpu"}
        assert f"components/{component.name}" in used or other


def _namespaces(scaled: Manifest) -> set[str]:
    """The namespaces of the series in Prometheus queries; each query names one."""
    queries = [
        trigger["metadata"]["query"]
        for trigger in scaled["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    ]
    series = [
        selector
        for query in queries
        for selector in re.findall(r"\bmailcase_\w+(?:{[^}]*})?", query)
    ]
    return {(re.findall(r'namespace="([^"]+)"', sample) or ["none"])[0] for sample in series}


def _settings_file(deployment: Manifest) -> Path:
    (mount,) = [
        mount for mount in container(deployment)["volumeMounts"] if mount["name"] == "settings"
    ]
    return Path(mount["mountPath"]) / "mailcase.toml"


def _settings(overlay: str, deployment: Manifest) -> Settings:
    """The settings of a service, loaded from the ConfigMap of its volume, with its environment
    variables.
    """
    (volume,) = [
        volume
        for volume in deployment["spec"]["template"]["spec"]["volumes"]
        if volume["name"] == "settings"
    ]
    config_map = named(overlay, "ConfigMap", volume["configMap"]["name"])
    assert config_map["immutable"] is True
    (source,) = [
        file
        for file in (K8S / "overlays" / overlay).glob("*.toml")
        if file.read_text() == config_map["data"][file.name]
    ]
    urls = {
        "MAILCASE_BROKER_URL": "amqps://broker.test/",
        "MAILCASE_STORE_URL": "mongodb://store.test/",
    }
    return load_settings(
        source,
        {
            variable["name"]: urls.get(variable["name"], "")
            for variable in container(deployment)["env"]
        },
    )


def _names(reference: object) -> Iterator[str]:
    if isinstance(reference, str):
        yield reference
    elif isinstance(reference, dict):
        yield reference["name"]
    elif isinstance(reference, list):
        for name in reference:
            yield from _names(name)


def _exported_metrics() -> set[str]:
    """The names of the series of all metrics that a service defines."""
    for file in (ROOT / "services").glob("*/metrics.py"):
        importlib.import_module(f"services.{file.parent.name}.metrics")
    names: set[str] = set()
    for family in REGISTRY.collect():
        names |= {
            family.name,
            f"{family.name}_total",
            *(f"{family.name}_{part}" for part in ("bucket", "count", "sum")),
        }
    return names


@overlays
def test_a_case_writer_has_memory_for_the_most_that_its_settings_allow(overlay: str) -> None:
    """Messages in hand, the child process that reads a large mail, and that mail between both; 100
    MB are its own.
    """
    deployment = named(overlay, "Deployment", "case-writer")
    settings = _settings(overlay, deployment)
    in_hand = (
        2 * settings.case_writer.batch_mails + PREFETCH_AHEAD
    ) * settings.limits.inline_mail_bytes
    most = (
        100_000_000
        + in_hand
        + settings.reading.max_memory_bytes
        + 2 * settings.limits.max_mail_bytes
    )
    assert container(deployment)["resources"]["limits"]["memory"] == "1Gi"
    assert most < 0.8 * 2**30
