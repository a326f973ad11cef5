"""The types of settings, each with a description for error messages."""

from typing import Annotated

from msgspec import Meta

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

# Names become parts of AMQP routing keys and queue names, hence no dots, and of database keys.
Name = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,62}\Z",
        description="a name of at most 63 ASCII letters, digits, - and _ that begins with a letter or digit",
    ),
]
Text = Annotated[
    str,
    Meta(
        pattern=r"\A[^\x00-\x1f\x7f]{1,255}\Z",
        description="1 to 255 characters of text on one line",
    ),
]
# Checks only what other parts rely on: one @, and nothing that could end a header or a list. Mail
# servers check the rest.
Address = Annotated[
    str,
    Meta(
        pattern=r"\A[^\s\x00-\x1f\x7f@<>(),;:\"]+@[^\s\x00-\x1f\x7f@<>(),;:\"]+\Z",
        max_length=254,  # RFC 5321 section 4.5.3.1.3, without the angle brackets
        description='an address such as "invoices@example.com"',
    ),
]
Host = Annotated[
    str,
    Meta(
        pattern=r"\A(?:[^\s\x00-\x1f\x7f/@:\[\]]+|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)\Z",
        max_length=253,
        description="a host name or an IP address alone, without scheme and port",
    ),
]
Variable = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\Z",
        description="the name of an environment variable, such as INVOICES_PASSWORD, not the password itself",
    ),
]
Port = Annotated[int, Meta(ge=1, le=65535)]
Day = Annotated[
    str,
    Meta(
        pattern=r"\A\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\Z",
        description='a day such as "2027-01-31"',
    ),
]
# Without TLS only to this machine: the request contains a secret, and the response gives access to
# the mailboxes.
TokenUrl = Annotated[
    str,
    Meta(
        pattern=r"\A(?:https://[^\s@]+|http://(?:127\.0\.0\.1|localhost)(?::\d+)?/[^\s@]*)\Z",
        description="a URL that begins with https://",
    ),
]

Template = Annotated[
    str, Meta(max_length=20_000, description="a template of at most 20000 characters")
]
Sender = Annotated[
    str,
    Meta(
        pattern=r"\A[^\s\x00-\x1f\x7f@<>(),;:\"]*@[^\s\x00-\x1f\x7f@<>(),;:\"]+\Z",
        description='an address such as "jan@example.com", or a whole domain such as "@example.com"',
    ),
]

Duration = Annotated[
    str,
    Meta(
        pattern=r"\A[1-9][0-9]{0,4}(?:m|h|d|w)\Z",
        description='a duration such as "30m", "4h", "2d" or "1w"',
    ),
]
User = Annotated[
    str,
    Meta(
        pattern=r"\A[^\s\x00-\x1f\x7f@<>(),;:\"]+@[^\s\x00-\x1f\x7f@<>(),;:\"]+\Z",
        max_length=254,
        description='a user\'s address such as "anna@example.com"',
    ),
]
Assignee = Annotated[
    str,
    Meta(
        pattern=r"\A(?:group:[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,199}|[^\s\x00-\x1f\x7f@<>(),;:\"]+@[^\s\x00-\x1f\x7f@<>(),;:\"]+)\Z",
        max_length=254,
        description='a user\'s address, or "group:NAME"',
    ),
]
TaxId = Annotated[
    str,
    Meta(
        pattern=r"\A(?:[A-Z]{2})?[0-9A-Z]{5,15}\Z",
        description='a tax number without spaces and hyphens, such as "5261040828" or "DE811907980"',
    ),
]
