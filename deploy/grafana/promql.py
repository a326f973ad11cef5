"""PromQL that several panels have in common."""

from collections.abc import Sequence

from deploy.grafana.model import Query

RATE = "[$__rate_interval]"


def rate(series: str, by: str = "") -> str:
    """Events a second, over all processes."""
    return f"sum{_by(by)} (rate({series}{RATE}))"


def quantile(share: float, histogram: str, by: str = "", matchers: str = "") -> str:
    """The value that the given share of observations does not exceed."""
    labels = f"le, {by}" if by else "le"
    selected = f"{histogram}_bucket{{{matchers}}}" if matchers else f"{histogram}_bucket"
    return f"histogram_quantile({share:g}, sum by ({labels}) (rate({selected}{RATE})))"


def percentiles(
    histogram: str, shares: Sequence[float] = (0.5, 0.95, 0.99), by: str = "", matchers: str = ""
) -> list[Query]:
    """One query a share; the legend names it, with the label that it is split by."""
    label = f" {{{{{by}}}}}" if by else ""
    return [Query(quantile(share, histogram, by, matchers), f"p{share * 100:g}{label}") for share in shares]


def mean(histogram: str, by: str) -> str:
    """Of what was observed."""
    return f"{rate(f'{histogram}_sum', by)} / {rate(f'{histogram}_count', by)}"


def of_stage(series: str) -> str:
    """The series of each process, with the stage that the process is."""
    return f"{series} * on (instance) group_left (stage) mailcase_build_info"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
