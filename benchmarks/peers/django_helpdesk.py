"""django-helpdesk's `get_email` as a program: empties the mailbox once for each line of standard
input.

    python benchmarks/peers/django_helpdesk.py FOLDER IMAP_PORT USER PASSWORD

Prints `ready`, and then, after each run, the seconds that it took and the current number of
tickets. Uses SQLite in FOLDER. It can run on an interpreter that has django-helpdesk but none of
our packages.
"""

import sys
import time
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

_URLS = """\
from django.urls import include, path

urlpatterns = [path("", include("helpdesk.urls", namespace="helpdesk"))]
"""


def configure(folder: Path) -> None:
    """Configure Django with only the helpdesk, on a migrated SQLite database in `folder`."""
    (folder / "bench_urls.py").write_text(_URLS)
    sys.path.insert(0, str(folder))
    settings.configure(
        SECRET_KEY="of no worth",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "helpdesk.sqlite3"),
            }
        },
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            "django.contrib.sites",
            "django.contrib.humanize",
            "helpdesk",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        ALLOWED_HOSTS=["testserver"],
        STATIC_URL="/static/",
        ROOT_URLCONF="bench_urls",
        SITE_ID=1,
        MEDIA_ROOT=str(folder / "media"),
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        HELPDESK_TEAMS_MODE_ENABLED=False,
        HELPDESK_KANBAN_BOARD_ENABLED=False,
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )
    django.setup()
    call_command("migrate", verbosity=0)


def main() -> None:
    folder, port, user, password = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    configure(folder)
    from helpdesk.email import process_email  # noqa: PLC0415 - its models need the settings first
    from helpdesk.models import Queue, Ticket  # noqa: PLC0415

    Queue.objects.create(
        title="Bench",
        slug="bench",
        email_address=user,
        allow_email_submission=True,
        email_box_type="imap",
        email_box_host="localhost",
        email_box_port=port,
        email_box_ssl=False,
        email_box_user=user,
        email_box_pass=password,
        email_box_imap_folder="INBOX",
        email_box_interval=0,
    )
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.monotonic()
        process_email(quiet=True)
        print(time.monotonic() - started, Ticket.objects.count(), flush=True)


if __name__ == "__main__":
    main()
