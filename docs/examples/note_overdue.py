"""Adds a note to every overdue case, once a day however often it runs.

    token=$(mailcase token create overdue-bot --scope cases:read --scope cases:work)
    MAILCASE_URL=http://127.0.0.1:8080 MAILCASE_TOKEN=$token python note_overdue.py

Only the standard library. It shows the three habits of the API: follow `next`, send `If-Match`,
repeat a POST with the same `Idempotency-Key`.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

URL = os.environ.get("MAILCASE_URL", "http://127.0.0.1:8080")
TOKEN = os.environ.get("MAILCASE_TOKEN", "")


def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
    """The answer's JSON. Raises urllib.error.HTTPError, whose body says what to do instead."""
    request = urllib.request.Request(f"{URL}/api/v1{path}", method=method)
    request.add_header("Authorization", f"Bearer {TOKEN}")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    content = None
    if body is not None:
        request.add_header("Content-Type", "application/json")
        content = json.dumps(body).encode()
    with urllib.request.urlopen(request, content, timeout=30) as answer:
        return json.load(answer)


def overdue() -> Iterator[dict[str, Any]]:
    """All overdue cases, page by page."""
    query = {"overdue": "true", "sort": "due", "limit": "100"}
    while True:
        page = ask("GET", f"/cases?{urllib.parse.urlencode(query)}")
        yield from page["items"]
        if not page["has_more"]:
            return
        query["cursor"] = page["next"]


def main() -> int:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for case in overdue():
        try:
            ask(
                "POST",
                f"/cases/{case['number']}/notes",
                {"text": f"Overdue since {case['due_at'][:10]}."},
                If_Match=f'"r{case["revision"]}"',
                Idempotency_Key=f"overdue-{case['number']}-{today}",
            )
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            # Somebody was faster, or we were here today: the next run looks again.
            print(f"{case['reference']}: {problem['reason']}: {problem['detail']}", file=sys.stderr)
        else:
            print(f"{case['reference']}: noted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
