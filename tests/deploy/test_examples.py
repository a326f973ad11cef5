"""deploy/k8s/examples can be copied: it renders, is valid, and has what the manifests need."""

import os
import re
from pathlib import Path

import pytest
import yaml

from services.runtime.settings import URL_VARIABLES, load_settings
from tests.deploy.custom_resources import mistakes
from tests.deploy.manifests import (
    K8S,
    OVERLAYS,
    ROOT,
    Manifest,
    container,
    deployments,
    named,
    of_kind,
    render,
    selects,
    values,
)
from tests.deploy.test_manifests import validate

EXAMPLES = K8S / "examples"
SECRETS = ("secrets.yaml", "secrets-managed.yaml")


def _documents(*names: str) -> list[Manifest]:
    return [
        document for name in names for document in yaml.safe_load_all((EXAMPLES / name).read_text())
    ]


def test_the_example_is_an_overlay_of_prod_with_everything_that_it_needs() -> None:
    manifests = render(EXAMPLES)
    present = {
        (manifest["kind"], manifest["metadata"]["name"])
        for manifest in [*manifests, *_documents("secrets-managed.yaml")]
    }
    for certificate in (manifest for manifest in manifests if manifest["kind"] == "Certificate"):
        present.add(("Secret", certificate["spec"]["secretName"]))
    asked = {
        volume["secret"]["secretName"]
        for deployment in deployments("prod")
        for volume in deployment["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    asked |= {
        name
        for kind in ("MongoDBCommunity", "RabbitmqCluster")
        for server in of_kind("prod", kind)
        for key in ("passwordSecretRef", "certificateKeySecretRef", "tls")
        for found in values(server["spec"], key)
        for name in ({found.get("name"), found.get("secretName")} - {None})
    }
    assert len(asked) >= 8
    assert {name for name in asked if ("Secret", name) not in present} == set()
    images = {
        container(manifest)["image"] for manifest in manifests if manifest["kind"] == "Deployment"
    }
    assert images == {"registry.example.com/team/mailcase:0.1.0"}


@pytest.mark.parametrize("name", SECRETS)
def test_the_secrets_are_valid_and_hold_placeholders_only(name: str) -> None:
    for secret in _documents(name):
        validate(secret)
        assert all("example" in value for value in secret["stringData"].values())


def test_the_settings_of_the_example_name_files_that_its_secrets_have(tmp_path: Path) -> None:
    text = (EXAMPLES / "mailcase.toml").read_text()
    keys = {
        secret["metadata"]["name"]: set(secret["stringData"]) for secret in _documents(*SECRETS)
    }
    mounted = {
        mount["mountPath"]: keys[volume["secret"]["secretName"]]
        for deployment in deployments("prod")
        for volume in deployment["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
        for mount in container(deployment)["volumeMounts"]
        if mount["name"] == volume["name"]
    }
    named = re.findall(r'"(/run/secrets/[\w-]+)/([\w-]+)"|"(/run/secrets/mailcase)/keys"', text)
    assert len(named) == 4
    for folder, key, keys_folder in named:
        assert not folder or key in mounted[folder]
        assert not keys_folder or "keys" in mounted[keys_folder]
    # The files are not there where tests run; the URLs are what the Secrets hold.
    local = re.sub(r"/run/secrets/([\w-]+)/([\w-]+)", rf"{tmp_path}/\1-\2", text)
    for folder, key, keys_folder in named:
        place = f"{(folder or keys_folder).rpartition('/')[2]}-{key or 'keys'}"
        (tmp_path / place).write_text("0123456789abcdef0123456789abcdef\n")
    (tmp_path / "mailcase.toml").write_text(local)
    urls = {
        URL_VARIABLES[name]: secret["stringData"]["url"]
        for name, secret in zip(
            ("broker", "store"), _documents("secrets-managed.yaml"), strict=True
        )
    }
    settings = load_settings(tmp_path / "mailcase.toml", urls)
    assert set(settings.mailboxes) == {"invoices"}


def test_retention_runs_every_night_with_the_rights_and_settings_of_a_service() -> None:
    """Image, settings, database and rights are those of the case writer, so that the two cannot
    differ.
    """
    manifests = render(EXAMPLES)
    [job] = [manifest for manifest in manifests if manifest["kind"] == "CronJob"]
    [writer] = [
        manifest
        for manifest in manifests
        if manifest["kind"] == "Deployment" and manifest["metadata"]["name"] == "case-writer"
    ]
    validate(job)
    template, pattern = (
        job["spec"]["jobTemplate"]["spec"]["template"],
        writer["spec"]["template"]["spec"],
    )
    [command], [service] = template["spec"]["containers"], pattern["containers"]
    assert command["args"] == ["retention", "--config", "/etc/mailcase/mailcase.toml"]
    assert (command["image"], command["securityContext"]) == (
        service["image"],
        service["securityContext"],
    )
    assert all(variable in service["env"] for variable in command["env"])
    assert all(mount in service["volumeMounts"] for mount in command["volumeMounts"])
    volumes = {volume["name"]: volume for volume in pattern["volumes"]}
    for volume in template["spec"]["volumes"]:
        assert "emptyDir" in volume or volume == volumes[volume["name"]]
    labels = template["metadata"]["labels"]
    policies = [manifest for manifest in manifests if manifest["kind"] == "NetworkPolicy"]
    egress = {
        policy["metadata"]["name"]
        for policy in policies
        if "Egress" in policy["spec"]["policyTypes"] and _selects(policy, labels)
    }
    assert {"retention-to-store", "dns"} <= egress
    budgets = [manifest for manifest in manifests if manifest["kind"] == "PodDisruptionBudget"]
    assert not [budget for budget in budgets if _selects(budget, labels)]


def _selects(manifest: Manifest, labels: dict[str, str]) -> bool:
    selector = manifest["spec"].get("podSelector") or manifest["spec"].get("selector") or {}
    return selects(selector, labels)


def test_the_certificates_are_valid_for_cert_manager() -> None:
    documents = list(_documents("certificates.yaml"))
    assert {document["kind"] for document in documents} == {"Issuer", "Certificate"}
    assert [mistake for document in documents for mistake in mistakes(document)] == []


def test_the_certificates_have_the_names_that_the_guide_lists() -> None:
    guide = (ROOT / "docs/kubernetes.md").read_text()
    certificates = {
        document["spec"]["secretName"]: document["spec"]
        for document in _documents("certificates.yaml")
        if document["kind"] == "Certificate"
    }
    issuers = {
        document["metadata"]["name"]
        for document in _documents("certificates.yaml")
        if document["kind"] == "Issuer"
    }
    names = {name for spec in certificates.values() for name in spec.get("dnsNames", ())}
    assert len(names) == 3
    for name in names:
        assert f"`{name}`" in guide
    assert {spec["issuerRef"]["name"] for spec in certificates.values()} == issuers


def test_the_desk_is_behind_a_gateway_as_well_as_behind_an_ingress(tmp_path: Path) -> None:
    """The component desk-gateway in place of desk-ingress; both lead to the same port and host."""
    manifests = _managed_with(tmp_path, "desk-ingress", "desk-gateway")
    assert not [manifest for manifest in manifests if manifest["kind"] == "Ingress"]
    (route,) = [manifest for manifest in manifests if manifest["kind"] == "HTTPRoute"]
    assert mistakes(route) == []
    (ingress,) = of_kind("managed", "Ingress")
    (backend,) = route["spec"]["rules"][0]["backendRefs"]
    (service,) = [manifest for manifest in manifests if manifest["kind"] == "Service"]
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"] == service["spec"]["ports"][0]["port"]
    assert route["spec"]["hostnames"] == [ingress["spec"]["rules"][0]["host"]]
    assert set(route["spec"]) == {"parentRefs", "hostnames", "rules"}
    assert set(route["spec"]["rules"][0]) == {"matches", "backendRefs", "timeouts"}


def test_without_keda_services_scale_by_cpu(tmp_path: Path) -> None:
    """The component autoscaling-cpu in place of autoscaling."""
    manifests = _managed_with(tmp_path, "autoscaling", "autoscaling-cpu")
    assert not [manifest for manifest in manifests if manifest["apiVersion"].startswith("keda.sh/")]
    deployments = {
        manifest["metadata"]["name"]: manifest
        for manifest in manifests
        if manifest["kind"] == "Deployment"
    }
    scaled = [manifest for manifest in manifests if manifest["kind"] == "HorizontalPodAutoscaler"]
    assert {manifest["metadata"]["name"] for manifest in scaled} == {
        "router", "case-writer", "desk", "extractor",
    }  # fmt: skip
    for autoscaler in scaled:
        validate(autoscaler)
        spec = autoscaler["spec"]
        deployment = deployments.pop(spec["scaleTargetRef"]["name"])["spec"]
        assert "replicas" not in deployment  # kubectl apply would undo the autoscaler's number
        (container,) = deployment["template"]["spec"]["containers"]
        assert "cpu" in container["resources"]["requests"]  # utilization is relative to it
        by_keda = named("managed", "ScaledObject", autoscaler["metadata"]["name"])["spec"]
        assert spec["minReplicas"] == by_keda["minReplicaCount"]
        assert spec["maxReplicas"] == by_keda["maxReplicaCount"]
        advanced = by_keda["advanced"]["horizontalPodAutoscalerConfig"]
        assert spec["behavior"] == advanced["behavior"]
    assert {name: one["spec"]["replicas"] for name, one in deployments.items()} == {
        "fetcher": 2, "sender": 2,
    }  # fmt: skip


def _managed_with(folder: Path, component: str, other: str) -> tuple[Manifest, ...]:
    """The overlay `managed` with one component replaced."""
    overlay = folder / "overlay"
    overlay.mkdir()
    for file in (K8S / "overlays/managed").iterdir():
        (overlay / file.name).write_text(file.read_text())
    kustomization = (K8S / "overlays/managed/kustomization.yaml").read_text()
    assert f"components/{component}" in kustomization
    changed = kustomization.replace(f"components/{component}", f"components/{other}")
    if other == "autoscaling-cpu":  # has none of the ScaledObjects
        changed, _, _ = changed.partition("# Insert this namespace into the queries")
    (overlay / "kustomization.yaml").write_text(changed.replace("../../", f"{_up(overlay)}/"))
    return render(overlay)


def _up(folder: Path) -> str:
    """The path from a folder to deploy/k8s; kustomize accepts no absolute paths."""
    return os.path.relpath(K8S, folder)


def test_the_desk_may_try_a_log_in_as_the_fetcher_does() -> None:
    """The same files at the same paths, and the same ports of mail servers."""
    mounts = mounted_secrets("dev")
    ports = {
        policy["metadata"]["name"]: {
            port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]
        }
        for policy in of_kind("dev", "NetworkPolicy")
        if policy["metadata"]["name"].endswith("-to-mail-servers")
    }
    assert mounts["fetcher"] <= mounts["desk"]
    assert ports["desk-to-mail-servers"] == ports["fetcher-to-mail-servers"] - {443}


@pytest.mark.parametrize("overlay", ["prod", "managed"])
def test_a_desk_that_is_reached_from_outside_has_no_passwords_of_mailboxes(overlay: str) -> None:
    secrets = {name for _, name in mounted_secrets(overlay)["desk"]}
    assert "mailcase-mailboxes" not in secrets
    names = {policy["metadata"]["name"] for policy in of_kind(overlay, "NetworkPolicy")}
    assert "desk-to-mail-servers" not in names


def mounted_secrets(overlay: str) -> dict[str, set[tuple[str, str]]]:
    """Path and name of each Secret that a service mounts, by service."""
    return {
        deployment["metadata"]["name"]: {
            (mount["mountPath"], volume["secret"]["secretName"])
            for mount in container(deployment)["volumeMounts"]
            for volume in deployment["spec"]["template"]["spec"]["volumes"]
            if volume["name"] == mount["name"] and "secret" in volume
        }
        for deployment in deployments(overlay)
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_and_servers_are_spread_over_zones_and_hosts(overlay: str) -> None:
    zone, host = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
    for deployment in deployments(overlay):
        spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [constraint["topologyKey"] for constraint in spread] == [zone, host]
    for kind in ("RabbitmqCluster", "MongoDBCommunity"):
        for server in of_kind(overlay, kind):
            keys = set(values(server["spec"], "topologyKey"))
            assert keys == ({zone} if overlay == "dev" else {zone, host})
