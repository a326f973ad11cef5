"""PromQL that several panels have in common. Everything is asked for the namespaces chosen at the top."""

from collections.abc import Sequence

from deploy.grafana.model import Query

RATE = "[$__rate_interval]"
NAMESPACE = 'namespace=~"$namespace"'


def series(name: str, *matchers: str) -> str:
    """The series of that name which the matchers select."""
    return f"{name}{{{', '.join((*matchers, NAMESPACE))}}}"


def rate(name: str, by: str = "", *matchers: str) -> str:
    """Events a second, over all processes."""
    return f"sum{_by(by)} (rate({series(name, *matchers)}{RATE}))"


def increase(name: str, span: str = "$__range") -> str:
    """Events within the span, over all processes."""
    return f"sum(increase({series(name)}[{span}]))"


def each_once(name: str, by: str = "", *matchers: str) -> str:
    """Of what several processes tell alike (a queue's length, say), the sum over the installations."""
    one = ", ".join(filter(None, ("namespace", by)))
    return f"sum{_by(by)} (max by ({one}) ({series(name, *matchers)}))"


def quantile(share: float, histogram: str, by: str = "", *matchers: str) -> str:
    """The value that the given share of observations does not exceed."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({labels}) (rate({series(f'{histogram}_bucket', *matchers)}{RATE})))"


def percentiles(
    histogram: str, *matchers: str, shares: Sequence[float] = (0.5, 0.95, 0.99), by: str = ""
) -> list[Query]:
    """One query a share; the legend names it, with the label that it is split by."""
    label = f" {{{{{by}}}}}" if by else ""
    return [Query(quantile(share, histogram, by, *matchers), f"p{share * 100:g}{label}") for share in shares]


def mean(histogram: str, by: str) -> str:
    """Of what was observed."""
    return f"{rate(f'{histogram}_sum', by)} / {rate(f'{histogram}_count', by)}"


def of_stage(expression: str) -> str:
    """The expression's value of each process, with the stage that the process is."""
    return f"{expression} * on (instance) group_left (stage) {series('mailcase_build_info')}"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
