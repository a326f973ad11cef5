"""The metrics of the desk's requests. Labels are templates of paths, never paths."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "mailcase_desk_requests_total", "Requests answered.", ("method", "route", "status")
)
REQUEST_SECONDS = Histogram(
    "mailcase_desk_request_seconds",
    "Time from the request's head to the end of the answer; streams are left out.",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
IN_PROGRESS = Gauge(
    "mailcase_desk_requests_in_progress", "Requests being answered, without open streams."
)
STREAMS = Gauge("mailcase_desk_streams", "Open streams of live events.")
