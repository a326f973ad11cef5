"""A real Prometheus scrapes the pipeline: every series that dashboards, alerts and scaling query
changes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from deploy.local import PrivateServers
from schemas.mails import mail_key
from tests.watching.manifests import panels, rules, selectors, triggers
from tests.watching.minute import eventful_minute
from tests.watching.watched import Watched, highest, watched

# Series that this test cannot raise within seconds, and why. They exist, at 0.
QUIET = {
    "mailcase_mailbox_mails_republished_total": "a receipt that is five minutes late",
    "mailcase_desk_streams": "a page that someone signed in for keeps open",
}
# Selectors that may or may not be raised within seconds.
FLEETING = {
    'mailcase_desk_requests_in_progress{namespace=~"mailcase"}': "a request that a scrape meets",
    'rabbitmq_detailed_queue_messages{queue=~"desk\\\\.index|extractor\\\\.work"}': (
        "events that a scrape finds unread"
    ),
}


class Scene(NamedTuple):
    everything: Watched
    mails: list[bytes]


@pytest.fixture(scope="module")
def scene(
    servers: PrivateServers, prometheus_programs: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    with watched(servers, tmp_path_factory.mktemp("watched")) as everything:
        yield Scene(everything, eventful_minute(everything))


def test_prometheus_evaluates_every_rule(scene: Scene) -> None:
    found = {
        rule["name"]: (rule["health"], rule.get("lastError"))
        for rule in scene.everything.prometheus.rules()
    }
    assert set(found) == {rule.get("alert") or rule["record"] for rule in rules()}
    assert {name: health for name, health in found.items() if health != ("ok", None)} == {}


def test_every_expression_of_dashboards_and_scaling_returns_data(scene: Scene) -> None:
    empty = [
        query
        for query in [*panels(), *triggers()]
        if not scene.everything.prometheus.query(query.text)
    ]
    assert empty == []


def test_every_queried_series_exists_and_changes(scene: Scene) -> None:
    texts = [
        *(query.text for query in [*panels(), *triggers()]),
        *(rule["expr"] for rule in rules()),
    ]
    asked = {selector for text in texts for selector in selectors(text)}
    missing, still = [], []
    for selector in sorted(asked):
        if not scene.everything.prometheus.query(highest(selector)):
            missing.append(selector)
        elif not scene.everything.value(highest(selector)):
            still.append(selector)
    assert missing == []
    still = [selector for selector in still if selector not in FLEETING]
    assert {selector.partition("{")[0] for selector in still} == set(QUIET)


def test_an_outage_of_the_database_was_seen(scene: Scene) -> None:
    assert scene.everything.prometheus.query(
        'min_over_time(mailcase_dependency_up{dependency="store"}[10m]) == 0'
    )
    assert scene.everything.value('max_over_time(mailcase_retries_total{what="write"}[10m])') > 0


def test_the_sums_agree_with_the_database(scene: Scene) -> None:
    everything = scene.everything
    recorded = everything.pipeline.recorded()
    everything.until("sum(mailcase_mails_recorded_total)", lambda count: count == recorded)
    duplicates = everything.value("sum(mailcase_mails_duplicate_total)")
    routed = everything.value("sum(mailcase_mails_routed_total)")
    assert (
        everything.value("sum(mailcase_mailbox_mails_fetched_total)")
        <= routed
        == recorded + duplicates
    )
    assert everything.value("sum(mailcase_messages_dead_lettered_total)") == 1


def test_one_mail_is_followed_by_its_key_through_the_logs_of_all_services(scene: Scene) -> None:
    everything = scene.everything
    key = mail_key("invoices", scene.mails[1])
    everything.pipeline.until(
        lambda: ("fetcher", "receipt_taken") in everything.events(key), "the receipt is logged"
    )
    assert everything.events(key) == [
        ("fetcher", "mail_published"),
        ("fetcher", "receipt_taken"),
        ("router", "mail_routed"),
        ("case-writer", "mail_recorded"),
    ]


def test_a_slow_mail_leads_to_its_key(scene: Scene) -> None:
    """By the exemplars of the histogram of mail ages, in the OpenMetrics format."""
    query = "mailcase_mail_arrival_to_recorded_seconds_bucket"
    series = scene.everything.prometheus.exemplars(query)
    keys = {exemplar["labels"]["mail_key"] for found in series for exemplar in found["exemplars"]}
    known = {
        document["_id"]
        for document in scene.everything.pipeline.database["mails"].find({}, ["_id"])
    }
    assert keys
    assert keys <= known
