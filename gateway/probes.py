"""The calls that `gateway check` makes: one cheap authenticated call for whatever is configured."""

from collections.abc import Callable, Iterable
from typing import Protocol

from redis.asyncio import Redis

from gateway.settings import Settings

_TIMEOUT_SECONDS = 5


class Probe(Protocol):
    """One cheap authenticated call; lives as long as the check."""

    @property
    def name(self) -> str:
        """What is asked, such as "deliveries" or "accounts.acme.sms"."""
        ...

    @property
    def prefix(self) -> str:
        """What the names of its settings begin with, such as GATEWAY_DELIVERIES."""
        ...

    async def run(self) -> None:
        """Make the call.

        Raises:
            Exception: It failed; the message says how, without secrets.
        """
        ...


OpenProbes = Callable[[Settings], Iterable[Probe]]


class RedisProbe:
    """Pings Redis; lives as long as the check.

    Args:
        url: With its password.
    """

    name = "redis"
    prefix = "GATEWAY_REDIS_URL"

    def __init__(self, url: str) -> None:
        self._url = url

    async def run(self) -> None:
        """Connect, log in and ping.

        Raises:
            redis.RedisError: It did not answer, or refused the login.
        """
        async with Redis.from_url(
            self._url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        ) as redis:
            await redis.ping()


def open_probes(settings: Settings) -> Iterable[Probe]:
    """Make a probe for everything that is configured.

    Args:
        settings: Checked settings.
    """
    if settings.redis_url is not None:
        yield RedisProbe(settings.redis_url.get_secret_value())
