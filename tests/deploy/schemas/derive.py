"""Derives the schemas in this folder: `python -m tests.deploy.schemas.derive FILE…`.

A FILE is YAML with CustomResourceDefinitions, or a module of @kubernetes-models that contains one
schema as JSON. Only what validates is kept; descriptions and CEL rules are dropped.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
_LEFT_OUT = ("description", "x-kubernetes-validations", "example")
_MODULE = re.compile(r"^const schema = (\{.*?^\});$", re.MULTILINE | re.DOTALL)


def derive(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and content of each schema in a file."""
    text = file.read_text()
    source = {"source": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    for api, kind, schema in _of_module(text) if file.suffix == ".js" else _of_yaml(text):
        content = {"apiVersion": api, "kind": kind, **source, "schema": _kept(schema)}
        yield f"{api.replace('/', '_')}_{kind}.json", content


def _of_module(text: str) -> Iterator[tuple[str, str, Any]]:
    found = _MODULE.search(text)
    if found is None:
        raise SystemExit("no module with one schema as JSON")
    schema = json.loads(found[1])
    known = schema["properties"]
    yield known["apiVersion"]["enum"][0], known["kind"]["enum"][0], schema


def _of_yaml(text: str) -> Iterator[tuple[str, str, Any]]:
    for definition in yaml.safe_load_all(text):
        if definition is None or definition["kind"] != "CustomResourceDefinition":
            continue
        spec = definition["spec"]
        for version in spec["versions"]:
            api = f"{spec['group']}/{version['name']}"
            yield api, spec["names"]["kind"], version["schema"]["openAPIV3Schema"]


def _kept(schema: Any, *, names: bool = False) -> Any:
    """The schema without the parts that do not validate. Below `properties`, keys are names."""
    if isinstance(schema, list):
        return [_kept(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _kept(value, names=key == "properties" and not names)
        for key, value in schema.items()
        if names or key not in _LEFT_OUT
    }


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        for name, content in derive(Path(argument)):
            (FOLDER / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")
