"""Forms that browsers send, as `application/x-www-form-urlencoded`."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from services.desk.http.bodies import read_body
from services.desk.http.problems import ProblemError

MAX_FORM_BYTES = 64 * 1024
_MAX_FIELDS = 50


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises ProblemError: 415 for another media type; 400, 408, 413."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise ProblemError(415, "unsupported-media-type", "send the form as a browser does")
    body = await read_body(request, MAX_FORM_BYTES)
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise ProblemError(400, "invalid-request", "the form is not readable") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ProblemError(400, "invalid-request", "the form has a field twice")
    return fields
