"""Every overlay renders, and what it renders is what Kubernetes and the operators take."""

import copy
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml

from tests.deploy.manifests import (
    OVERLAYS,
    Manifest,
    container,
    deployments,
    of_kind,
    rendered,
    values,
)

KUBERNETES = ("v1", "apps/v1", "policy/v1", "networking.k8s.io/v1")
OPERATORS = ("keda.sh", "monitoring.coreos.com", "rabbitmq.com", "mongodbcommunity.mongodb.com")
# A folder of the operators' CustomResourceDefinitions, which the project does not contain.
CRDS = os.environ.get("MAILCASE_CRDS")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_valid_for_kubernetes_and_knows_no_other_operators(overlay: str) -> None:
    for manifest in rendered(overlay):
        if manifest["apiVersion"] in KUBERNETES:
            validate(manifest)
        else:
            assert manifest["apiVersion"].partition("/")[0] in OPERATORS


@pytest.mark.skipif(
    CRDS is None, reason="MAILCASE_CRDS names no folder of CustomResourceDefinitions"
)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_valid_for_the_operators(overlay: str) -> None:
    found: list[str] = []
    for manifest in rendered(overlay):
        if manifest["apiVersion"] in KUBERNETES:
            continue
        schema = _schemas()[manifest["apiVersion"], manifest["kind"]]
        where = f"{manifest['kind']}/{manifest['metadata']['name']}"
        errors = jsonschema.Draft7Validator(schema).iter_errors(manifest)
        found.extend(f"{where}: {error.json_path}: {error.message}" for error in errors)
    assert found == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_stage_runs_under_the_restricted_pod_security_standard(overlay: str) -> None:
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
def test_every_stage_says_what_it_needs_and_writes_only_to_tmp(overlay: str) -> None:
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
    """Against the newest schemas of Kubernetes; a field that they do not know is a mistake."""
    _validate(json.dumps(manifest))


@cache  # overlays have much in common
def _validate(manifest: str) -> None:
    kubernetes_validate.validate(
        json.loads(manifest), kubernetes_validate.latest_version(), strict=True
    )


@cache
def _schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """The operators' schemas by API version and kind; a field that they do not know is a
    mistake.
    """
    found = {}
    for file in Path(CRDS or "").glob("*.yaml"):
        for definition in yaml.safe_load_all(file.read_text()):
            if definition is None or definition["kind"] != "CustomResourceDefinition":
                continue
            for version in definition["spec"]["versions"]:
                schema = _closed(copy.deepcopy(version["schema"]["openAPIV3Schema"]))
                schema["properties"]["metadata"] = {"type": "object"}
                api = f"{definition['spec']['group']}/{version['name']}"
                found[api, definition["spec"]["names"]["kind"]] = schema
    return found


def _closed(schema: Any) -> Any:
    """A structural schema of Kubernetes as a JSON schema that refuses unknown fields."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    closed: Manifest = {key: _closed(value) for key, value in schema.items()}
    open_ended = (
        schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    )
    if isinstance(schema.get("properties"), dict) and not open_ended:
        closed["additionalProperties"] = False
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        closed["type"] = [schema["type"], "null"]
    return closed
