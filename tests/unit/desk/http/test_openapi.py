"""The descriptions of the API and the events are valid and complete, and match those in the
repository.
"""

import copy
import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.desk.api.routes import ENDPOINTS
from services.desk.http.descriptions.compatibility import breaking_changes
from services.desk.http.descriptions.files import DOCS, descriptions, text_of
from services.desk.http.descriptions.openapi import unfold_descriptions

DESCRIPTION: dict[str, Any] = descriptions()["openapi.json"]


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


def test_the_api_breaks_nothing_that_the_committed_description_promises() -> None:
    committed = json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))
    broken = breaking_changes(committed, DESCRIPTION)
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("name", descriptions())
def test_the_committed_description_is_that_of_the_code(name: str) -> None:
    committed = (DOCS / name).read_text(encoding="utf-8")
    hint = "run `python -m services.desk.http.descriptions`"
    assert committed == text_of(descriptions()[name]), hint


def test_what_would_break_a_program_is_named() -> None:
    changed = copy.deepcopy(DESCRIPTION)
    del changed["paths"]["/api/v1/cases/{number}/moves"]
    listing = changed["paths"]["/api/v1/cases"]["get"]
    listing["parameters"] = [
        parameter | {"required": parameter["name"] == "process"}
        for parameter in listing["parameters"]
        if parameter["name"] != "stage"
    ]
    del changed["components"]["schemas"]["CaseSummary"]["properties"]["title"]
    changed["components"]["schemas"]["NoteRequest"]["required"].append("uploads")
    assert breaking_changes(DESCRIPTION, changed) == [
        "GET /api/v1/cases: the query parameter stage is gone",
        "GET /api/v1/cases: the query parameter process is required now",
        "POST /api/v1/cases/{number}/moves: the operation is gone",
        "CaseSummary: the property title is gone",
        "NoteRequest: the property uploads is required now",
    ]


def test_what_is_added_breaks_nothing() -> None:
    older = copy.deepcopy(DESCRIPTION)
    del older["paths"]["/api/v1/cases/{number}/moves"]
    del older["components"]["schemas"]["CaseSummary"]["properties"]["title"]
    assert breaking_changes(older, DESCRIPTION) == []


def test_every_event_is_described() -> None:
    messages = descriptions()["asyncapi.json"]["components"]["messages"]
    assert {"case.opened", "case.stage-moved", "case.fields-set", "mail.parked"} <= messages.keys()
    for name, message in messages.items():
        assert message["payload"]["properties"]["type"]["const"] == f"mailcase.{name}.v1"


def test_descriptions_have_no_line_breaks_within_a_paragraph() -> None:
    schema = {"Case": {"description": "A case.\n\n    Its `number`\n    is unique.", "anyOf": [{}]}}
    assert unfold_descriptions(schema) == {
        "Case": {"description": "A case.\n\nIts `number` is unique.", "anyOf": [{}]}
    }
