"""Describes the API in OpenAPI 3.1, from the route table and the structs that validate requests.
Pure.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from services.desk.http.descriptions.times import mark_times
from services.desk.http.endpoint import Endpoint, NoQuery
from services.desk.http.problems import TITLES, Problem, description

SCHEMAS = "#/components/schemas/{name}"
_PLACE = re.compile(r"\{(\w+)\}")
_COMMON = (401, 403, 503)
_NUMBER = {"type": "integer", "minimum": 1, "maximum": 2**53 - 1}


def openapi(endpoints: Sequence[Endpoint[Any, Any]], prefix: str, version: str) -> dict[str, Any]:
    """The whole description; the same table gives the same bytes."""
    kinds = _kinds(endpoints)
    shapes, components = msgspec.json.schema_components(kinds, ref_template=SCHEMAS)
    mark_times(kinds, components)
    schema_of = dict(zip(kinds, shapes, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operations = paths.setdefault(prefix + endpoint.path, {})
        operations[endpoint.method.lower()] = _operation(endpoint, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mailcase",
            "version": version,
            "description": "Cases that are opened by mail: read them, work on them, answer them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "tags": [{"name": name} for name in dict.fromkeys(endpoint.tag for endpoint in endpoints)],
        "paths": paths,
        "components": {
            "schemas": unfold_descriptions(dict(sorted(components.items()))),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-mailcase"},
            },
        },
    }


def unfold_descriptions(schema: Any) -> Any:
    """The schema with each description's paragraphs on one line.

    msgspec copies docstrings with their indentation, which Markdown shows as code.
    """
    if isinstance(schema, list):
        return [unfold_descriptions(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _unfolded(part)
        if name == "description" and isinstance(part, str)
        else unfold_descriptions(part)
        for name, part in schema.items()
    }


def _unfolded(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))


def _kinds(endpoints: Sequence[Endpoint[Any, Any]]) -> list[Any]:
    kinds: list[Any] = [Problem]
    for endpoint in endpoints:
        kinds += [kind for kind in (endpoint.body, endpoint.response) if kind is not None]
    return list(dict.fromkeys(kinds))


def _operation(endpoint: Endpoint[Any, Any], schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": " ".join((endpoint.handler.__doc__ or "").split()),
        "tags": [endpoint.tag],
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint, schema_of),
    }
    if endpoint.permission is not None:
        operation["x-permission"] = endpoint.permission.value
    if endpoint.body is not None:
        media = "application/merge-patch+json" if endpoint.method == "PATCH" else "application/json"
        content = {media: {"schema": schema_of[endpoint.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif endpoint.upload:
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(endpoint: Endpoint[Any, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _NUMBER if name == "number" else {"type": "string", "minLength": 1},
        }
        for name in _PLACE.findall(endpoint.path)
    ]
    if endpoint.query is not NoQuery:
        (schema,), components = msgspec.json.schema_components(
            [endpoint.query], ref_template=SCHEMAS
        )
        mark_times([endpoint.query], components)
        shape = components[schema["$ref"].rpartition("/")[2]]
        required = shape.get("required", ())
        parameters += [
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "schema": _without_null(kind),
            }
            for name, kind in shape["properties"].items()
        ]
    if endpoint.conditional:
        tag = {"type": "string", "pattern": '^"r(0|[1-9][0-9]{0,15})"$'}
        parameters.append({"name": "If-Match", "in": "header", "required": True, "schema": tag})
    if endpoint.method == "POST" and not endpoint.upload:
        key = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        parameters.append(
            {"name": "Idempotency-Key", "in": "header", "required": False, "schema": key}
        )
    return parameters


def _without_null(kind: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is left out is not null."""
    options: list[dict[str, Any]] = [
        option for option in kind.get("anyOf", ()) if option != {"type": "null"}
    ]
    if len(options) == 1:
        return options[0]
    return {key: value for key, value in kind.items() if not (key == "default" and value is None)}


def _responses(endpoint: Endpoint[Any, Any], schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {str(endpoint.status): _success(endpoint, schema_of)}
    statuses = {400, *_COMMON, *endpoint.refusals}
    if endpoint.conditional:
        statuses |= {412, 428}
    if endpoint.body is not None:
        statuses |= {408, 413, 415, 422}
    if endpoint.upload:
        statuses |= {408, 413, 422}
    if endpoint.method == "POST":
        statuses |= {409, 422}
    for status in sorted(statuses - {endpoint.status}):
        if status == 206:
            responses["206"] = {
                "description": "A part of the file",
                "content": {endpoint.media: {}},
            }
            continue
        title = TITLES.get(status, "Error")
        responses[str(status)] = {"description": title, "content": dict(description())}
    return responses


def _success(endpoint: Endpoint[Any, Any], schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": endpoint.summary}
    if endpoint.media is not None:
        success["content"] = {endpoint.media: {}}
    elif endpoint.response is not None:
        success["content"] = {"application/json": {"schema": schema_of[endpoint.response]}}
    return success
