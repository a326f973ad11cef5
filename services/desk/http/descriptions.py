"""Writes docs/openapi.json and docs/asyncapi.json: `python -m services.desk.http.descriptions`."""

import json
from pathlib import Path
from typing import Any

from services.desk.api.routes import ENDPOINTS, PREFIX
from services.desk.http.asyncapi import asyncapi
from services.desk.http.openapi import openapi

VERSION = "1"  # in the repository; it changes with the API, not with each release
DOCS = Path(__file__).parents[3] / "docs"


def descriptions() -> dict[str, dict[str, Any]]:
    """The descriptions by the names of their files."""
    return {
        "openapi.json": openapi(ENDPOINTS, PREFIX, VERSION),
        "asyncapi.json": asyncapi(VERSION),
    }


def text_of(description: dict[str, Any]) -> str:
    return json.dumps(description, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, description in descriptions().items():
        (DOCS / name).write_text(text_of(description), encoding="utf-8")
