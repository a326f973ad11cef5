"""The description of the API: valid, complete, and the one in the repository."""

import json
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from services.desk.api.routes import ENDPOINTS, PREFIX
from services.desk.http.openapi import openapi

DESCRIPTION: dict[str, Any] = openapi(ENDPOINTS, PREFIX, "1")


def test_the_description_is_valid_openapi() -> None:
    errors = list(OpenAPIV31SpecValidator(DESCRIPTION).iter_errors())
    assert not errors, json.dumps([str(error) for error in errors], indent=1)


def test_every_operation_has_a_name_a_summary_and_a_description() -> None:
    operations = [
        operation for path in DESCRIPTION["paths"].values() for operation in path.values()
    ]
    assert len(operations) == len(ENDPOINTS)
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"]
        assert operation["description"].endswith("."), operation["operationId"]
