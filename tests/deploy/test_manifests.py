"""Every overlay renders, and the result is valid for Kubernetes and the operators."""

import copy
import json
from functools import cache

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest

from tests.deploy.custom_resources import mistakes
from tests.deploy.manifests import (
    OVERLAYS,
    Manifest,
    container,
    deployments,
    named,
    of_kind,
    rendered,
    values,
)

KUBERNETES = ("v1", "apps/v1", "policy/v1", "networking.k8s.io/v1")
OPERATORS = ("keda.sh", "monitoring.coreos.com", "rabbitmq.com", "mongodbcommunity.mongodb.com")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_valid_for_kubernetes_and_knows_no_other_operators(overlay: str) -> None:
    for manifest in rendered(overlay):
        if manifest["apiVersion"] in KUBERNETES:
            validate(manifest)
        else:
            assert manifest["apiVersion"].partition("/")[0] in OPERATORS


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_valid_for_the_operators(overlay: str) -> None:
    custom = [
        manifest for manifest in rendered(overlay) if manifest["apiVersion"] not in KUBERNETES
    ]
    assert [mistake for manifest in custom for mistake in mistakes(manifest)] == []


def test_a_field_that_an_operator_does_not_know_is_found() -> None:
    scaled = copy.deepcopy(named("prod", "ScaledObject", "router"))
    scaled["spec"]["triggers"][0]["metdata"] = scaled["spec"]["triggers"][0].pop("metadata")
    scaled["spec"]["minReplicaCount"] = "2"
    assert len(mistakes(scaled)) == 3  # unknown, missing, no number


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_service_runs_under_the_restricted_pod_security_standard(overlay: str) -> None:
    (namespace,) = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for deployment in deployments(overlay):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert not list(values(pod["volumes"], "hostPath"))
        assert container(deployment)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_service_declares_its_resources_and_writes_only_to_tmp(overlay: str) -> None:
    for deployment in deployments(overlay):
        one = container(deployment)
        assert set(one["resources"]["requests"]) == {"cpu", "memory"}
        assert "memory" in one["resources"]["limits"]
        writable = [
            mount["mountPath"] for mount in one["volumeMounts"] if not mount.get("readOnly")
        ]
        assert writable == ["/tmp"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_manifest_carries_a_secret(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == []
    for deployment in deployments(overlay):
        for variable in container(deployment)["env"]:
            assert "URL" not in variable["name"] or set(variable["valueFrom"]) == {"secretKeyRef"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_servers_run_under_the_restricted_pod_security_standard_too(overlay: str) -> None:
    for server in of_kind(overlay, "RabbitmqCluster") + of_kind(overlay, "MongoDBCommunity"):
        (pod,) = [template["spec"] for template in values(server["spec"], "template")]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for each in pod["containers"] + pod["initContainers"]:
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }


def validate(manifest: Manifest) -> None:
    """Validate against the newest schemas of Kubernetes; unknown fields are errors."""
    _validate(json.dumps(manifest))


@cache  # overlays have much in common
def _validate(manifest: str) -> None:
    kubernetes_validate.validate(
        json.loads(manifest), kubernetes_validate.latest_version(), strict=True
    )
