"""One URL names all nodes of a broker."""

import pytest

from services.runtime.broker.hosts import urls_of


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("amqp://mq.example/v", ["amqp://mq.example/v"]),
        (
            "amqps://u:p%2C@a.example:5671,[::1]:5671,c.example/v%2F?heartbeat=9",
            [
                "amqps://u:p%2C@a.example:5671/v%2F?heartbeat=9",
                "amqps://u:p%2C@[::1]:5671/v%2F?heartbeat=9",
                "amqps://u:p%2C@c.example/v%2F?heartbeat=9",
            ],
        ),
        ("amqp://u:a,b@a.example,b.example", ["amqp://u:a,b@a.example", "amqp://u:a,b@b.example"]),
        ("amqp://a.example,b.example?x=1,2", ["amqp://a.example?x=1,2", "amqp://b.example?x=1,2"]),
        ("nothing", ["nothing"]),
    ],
)
def test_each_host_of_a_url_gives_a_url(url: str, urls: list[str]) -> None:
    assert urls_of(url) == urls
