"""Sends one delivery: resolve, check, pin, sign, post."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from schemas.reasons import DeliveryProblem
from schemas.stored.webhooks import Delivery, Webhook
from services.desk.webhooks.http_client import Answer, DeliveryError, post, tls_context
from services.desk.webhooks.payload import payload
from services.desk.webhooks.signing import signed_headers
from services.desk.webhooks.targets import (
    InvalidUrlError,
    Network,
    RefusedAddressError,
    Target,
    choose_address,
    is_address,
    parse_target,
)

RESOLVE_TIMEOUT_S = 5.0


class AddressRefusedError(DeliveryError):
    """Nothing was sent, because of the address that the name resolves to."""


Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, resolved by the system. Raises DeliveryError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        text = f"{host} was not resolved within {RESOLVE_TIMEOUT_S:.0f} s"
        raise DeliveryError(text, DeliveryProblem.TIMEOUT) from error
    except (OSError, UnicodeError) as error:
        raise DeliveryError(
            f"{host} cannot be resolved", DeliveryProblem.ADDRESS_REFUSED
        ) from error
    return [str(entry[4][0]).partition("%")[0] for entry in found]


class WebhookSender:
    """Posts deliveries to addresses that may be reached."""

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        *,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`allowed` are networks that may be reached although they are not public."""
        self._allowed = allowed
        self._resolver = resolver
        self._tls = tls or tls_context()

    async def send(self, webhook: Webhook, delivery: Delivery, now: datetime) -> Answer:
        """Raises DeliveryError, AddressRefusedError if the name has no address, or one that
        webhooks must not reach.
        """
        try:
            target = parse_target(webhook.url)
        except InvalidUrlError as error:
            raise DeliveryError(str(error), DeliveryProblem.INVALID_URL) from error
        try:
            # Resolved once: the connection goes to the address that was checked.
            addresses = await self._resolver(target.host, target.port)
            address = choose_address(target, addresses, self._allowed)
        except (DeliveryError, RefusedAddressError) as error:
            raise AddressRefusedError(str(error), DeliveryProblem.ADDRESS_REFUSED) from error
        body, timestamp = payload(delivery), round(now.timestamp())
        headers = signed_headers(_keys(webhook, now), delivery.id, timestamp, body)
        return await post(target, address, headers, body, self._tls)

    def check(self, url: str) -> Target:
        """The target of a URL. Raises InvalidUrlError, RefusedAddressError for an address as host.

        A name is resolved only at delivery, so that adding webhooks does not reveal which names
        exist.
        """
        target = parse_target(url)
        if is_address(target.host):
            choose_address(target, [target.host], self._allowed)
        return target


def _keys(webhook: Webhook, now: datetime) -> list[str]:
    """The secret, and also the previous one during a rotation."""
    keys = [webhook.secret]
    if webhook.previous_secret and webhook.previous_until and now < webhook.previous_until:
        keys.append(webhook.previous_secret)
    return keys
