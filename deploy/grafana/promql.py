"""PromQL that several panels share.

Every query selects the namespaces chosen at the top of the dashboard.
"""

from collections.abc import Sequence

from deploy.grafana.model import Query

RATE = "[$__rate_interval]"
NAMESPACE = 'namespace=~"$namespace"'
# Histograms that a recording rule adds up over all processes (deploy/k8s/components/monitoring).
RECORDED = frozenset(
    {
        "mailcase_message_wait_seconds",
        "mailcase_batch_seconds",
        "mailcase_publish_confirm_seconds",
        "mailcase_event_loop_lag_seconds",
        "mailcase_desk_request_seconds",
    }
)


def series(name: str, *matchers: str) -> str:
    """The series with this name that the matchers select."""
    return f"{name}{{{', '.join((*matchers, NAMESPACE))}}}"


def rate(name: str, by: str = "", *matchers: str) -> str:
    """Events per second, summed over all processes."""
    return f"sum{_by(by)} (rate({series(name, *matchers)}{RATE}))"


def increase(name: str, span: str = "$__range") -> str:
    """Events within the span, summed over all processes."""
    return f"sum(increase({series(name)}[{span}]))"


def each_once(name: str, by: str = "", *matchers: str) -> str:
    """The sum over the namespaces of a value that every replica reports alike, such as the length
    of a queue.
    """
    labels = ", ".join(filter(None, ("namespace", by)))
    return f"sum{_by(by)} (max by ({labels}) ({series(name, *matchers)}))"


def quantile(share: float, histogram: str, by: str = "", *matchers: str) -> str:
    """The quantile of a histogram; `share` is between 0 and 1."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({labels}) ({_buckets(histogram, *matchers)}))"


def percentiles(
    histogram: str, *matchers: str, shares: Sequence[float] = (0.5, 0.95, 0.99), by: str = ""
) -> list[Query]:
    """One query for each share; the legend is the percentile and, if any, the value of the label
    `by`.
    """
    label = f" {{{{{by}}}}}" if by else ""
    return [
        Query(quantile(share, histogram, by, *matchers), f"p{share * 100:g}{label}")
        for share in shares
    ]


def mean(histogram: str, by: str) -> str:
    """The mean of the observations of a histogram."""
    return f"{rate(f'{histogram}_sum', by)} / {rate(f'{histogram}_count', by)}"


def with_service(expression: str) -> str:
    """The expression for each process, with the label `service`: the service that it runs."""
    return f"{expression} * on (instance) group_left (service) {series('mailcase_build_info')}"


def _buckets(histogram: str, *matchers: str) -> str:
    """Observations per second in each bucket, from the recording rule if there is one."""
    if histogram in RECORDED:
        name = histogram.replace("mailcase_", "mailcase:", 1)
        return series(f"{name}_bucket:rate5m", *matchers)
    return f"rate({series(f'{histogram}_bucket', *matchers)}{RATE})"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
