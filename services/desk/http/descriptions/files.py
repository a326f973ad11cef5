"""The files docs/openapi.json and docs/asyncapi.json.

`python -m services.desk.http.descriptions` writes them.
"""

import json
from pathlib import Path
from typing import Any

from services.desk.api.routes import ENDPOINTS, PREFIX
from services.desk.http.descriptions.asyncapi import asyncapi
from services.desk.http.descriptions.openapi import openapi

VERSION = "1"  # in the repository; it changes with the API, not with each release
DOCS = Path(__file__).parents[4] / "docs"


def descriptions() -> dict[str, dict[str, Any]]:
    """The descriptions, by file name."""
    return {
        "openapi.json": openapi(ENDPOINTS, PREFIX, VERSION),
        "asyncapi.json": asyncapi(VERSION),
    }


def text_of(description: dict[str, Any]) -> str:
    return json.dumps(description, indent=1, ensure_ascii=False) + "\n"
