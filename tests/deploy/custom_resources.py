"""Validates custom resources against the schemas of their projects (tests/deploy/schemas)."""

import json
from functools import cache
from typing import Any

import jsonschema

from tests.deploy.manifests import Manifest
from tests.deploy.schemas.derive import FOLDER


def mistakes(manifest: Manifest) -> list[str]:
    """The errors in a custom resource, including fields that its schema does not have."""
    schema = schemas()[manifest["apiVersion"], manifest["kind"]]
    where = f"{manifest['kind']}/{manifest['metadata']['name']}"
    errors = jsonschema.Draft7Validator(schema).iter_errors(manifest)
    return [f"{where}: {error.json_path}: {error.message}" for error in errors]


@cache
def schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """The schemas by API version and kind."""
    found = {}
    for file in FOLDER.glob("*.json"):
        content = json.loads(file.read_text())
        schema = _closed(content["schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        found[content["apiVersion"], content["kind"]] = schema
    return found


def _closed(schema: Any) -> Any:
    """A structural schema of Kubernetes as a JSON schema that rejects unknown fields."""
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
