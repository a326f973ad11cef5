"""django-helpdesk's list of tickets as a program, for an interpreter that has django-helpdesk but
none of our packages.

    python benchmarks/peers/ticket_list_program.py FOLDER TICKETS REQUESTS

Fills SQLite in FOLDER, the database of django-helpdesk's quick start, with `bulk_create`. Then
prints the milliseconds of each request as JSON: the page of the list, the JSON of its 25 rows, and
the same for one queue. Django's test client makes the requests one at a time and in process, so
that there is neither a network nor a queue of requests.
"""

import json
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from benchmarks.peers.django_helpdesk import configure

_QUEUES, _PEOPLE, _TOGETHER = 8, 50, 5_000


def _fill(tickets: int) -> None:
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - models need the settings first
    from helpdesk.models import Queue, Ticket  # noqa: PLC0415 - as above

    chance = random.Random(11)
    users = get_user_model().objects
    people = [
        users.create_user(f"person{number}", is_staff=True, is_superuser=number == 0)
        for number in range(_PEOPLE)
    ]
    queues = [
        Queue.objects.create(title=f"Queue {number}", slug=f"q{number}")
        for number in range(_QUEUES)
    ]
    start = datetime.now(UTC) - timedelta(minutes=tickets)
    for first in range(0, tickets, _TOGETHER):
        Ticket.objects.bulk_create(
            Ticket(
                title=f"Faktura FV/{number}/2026",
                queue=queues[number % _QUEUES],
                created=start + timedelta(minutes=number),
                modified=start + timedelta(minutes=number),
                submitter_email=f"jan{number % 50_000}@customer.example",
                assigned_to=chance.choice([*people, None]),
                status=Ticket.OPEN_STATUS if chance.random() < 0.25 else Ticket.CLOSED_STATUS,
                description="Please pay.",
            )
            for number in range(first, min(tickets, first + _TOGETHER))
        )


def _measure(requests: int) -> dict[str, list[float]]:
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - models need the settings first
    from django.test import Client  # noqa: PLC0415 - as above
    from helpdesk.query import query_to_base64  # noqa: PLC0415 - as above

    client = Client()
    client.force_login(get_user_model().objects.get(username="person0"))
    standard = {"filtering": {"status__in": [1, 2]}, "sorting": "created", "sortreverse": True}
    of_queue = {**standard, "filtering": {"status__in": [1, 2], "queue__id__in": [3]}}
    found: dict[str, list[float]] = {}
    for what, path in (
        ("page", "/tickets/"),
        ("rows", f"/datatables_ticket_list/{query_to_base64(standard)}?draw=1&start=0&length=25"),
        ("rows of a queue", f"/datatables_ticket_list/{query_to_base64(of_queue)}?start=0"),
    ):
        for number in range(requests + 1):
            started = time.perf_counter()
            answer = client.get(path)
            if answer.status_code != 200:
                raise SystemExit(f"{path}: {answer.status_code}")
            if number:  # the first fills caches
                found.setdefault(what, []).append((time.perf_counter() - started) * 1000)
    return found


def main() -> None:
    folder, tickets, requests = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    configure(folder)
    _fill(tickets)
    print(json.dumps(_measure(requests)))


if __name__ == "__main__":
    main()
