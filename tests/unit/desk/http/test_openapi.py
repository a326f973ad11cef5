"""The descriptions of the API and the events are valid and complete, and match those in the
repository.
"""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.desk.api.routes import ENDPOINTS
from services.desk.http.descriptions.compatibility import breaking_changes
from services.desk.http.descriptions.files import DOCS, descriptions, text_of
from services.desk.http.descriptions.openapi import unfold_descriptions

DESCRIPTION: dict[str, Any] = descriptions()["openapi.json"]


def committed(name: str, folder: Path = DOCS) -> str | None:
    """The description before what is tested: that of the last commit, or of the one before it if
    nothing has changed since. None without a history.
    """
    texts = []
    for commit in ("HEAD", "HEAD^"):
        asked = ["git", "-C", str(folder), "show", f"{commit}:./{name}"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        texts.append(done.stdout if done.returncode == 0 else None)
    last, before = texts
    return before if last == (folder / name).read_text(encoding="utf-8") else last


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


def test_the_api_breaks_nothing_that_the_last_committed_description_promises() -> None:
    text = committed("openapi.json")
    if text is None:
        pytest.skip("there is no earlier commit to compare with")
    before = json.loads(text)
    broken = breaking_changes(before, DESCRIPTION)
    hint = "if that is intended, raise VERSION of the descriptions"
    is_new = before["info"]["version"] != DESCRIPTION["info"]["version"]
    assert is_new or not broken, "\n".join([*broken, hint])


def test_a_description_that_is_committed_with_a_break_is_compared_with_the_one_before(
    tmp_path: Path,
) -> None:
    def git(*arguments: str) -> None:
        author = ["-c", "user.name=Test", "-c", "user.email=test@office.example"]
        subprocess.run(["git", "-C", str(tmp_path), *author, *arguments], check=True)

    file = tmp_path / "openapi.json"
    git("init", "-q")
    file.write_text("first")
    assert committed(file.name, tmp_path) is None
    for text in ("first", "second"):
        file.write_text(text)
        git("add", file.name)
        git("commit", "-q", "-m", f"api: {text}")
    assert committed(file.name, tmp_path) == "first"
    file.write_text("third")
    assert committed(file.name, tmp_path) == "second"


@pytest.mark.parametrize("name", descriptions())
def test_the_committed_description_is_that_of_the_code(name: str) -> None:
    committed = (DOCS / name).read_text(encoding="utf-8")
    hint = "run `python -m services.desk.http.descriptions`"
    assert committed == text_of(descriptions()[name]), hint


def test_every_time_has_its_format() -> None:
    schemas = DESCRIPTION["components"]["schemas"]
    parts: list[tuple[str, dict[str, Any]]] = [
        (f"{name}.{field}", schema)
        for name, struct in schemas.items()
        for field, schema in struct.get("properties", {}).items()
    ]
    parts += [
        (f"{path}?{parameter['name']}", parameter["schema"])
        for path, operations in DESCRIPTION["paths"].items()
        for operation in operations.values()
        for parameter in operation["parameters"]
    ]
    times = {name: schema for name, schema in parts if name.endswith(("_at", ".at", "_since"))}
    assert len(times) > 30
    assert [name for name, schema in times.items() if "date-time" not in str(schema)] == []


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
