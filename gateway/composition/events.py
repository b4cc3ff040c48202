"""Builds the events of status changes, kept in this process or shared through Redis."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from typing import Final

from redis.asyncio import Redis

from gateway.composition.upstreams import Upstreams
from gateway.settings.model import Settings
from resolvers.accounts import Account
from resolvers.cache.records import RecordCache
from resolvers.catalogue import followed_type
from resolvers.events.changes import RecordKey
from resolvers.events.coordination import RedisCoordination
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.events.poller import PollConfig
from resolvers.events.redis_log import RedisEventLog
from resolvers.events.service import Events, EventsConfig, Forget, utc_now
from resolvers.redis_servers import RedisServers
from resolvers.redis_times import RedisTimes

REDIS_SECONDS: Final = 5.0
"""Time limit of a Redis command, above the second for which a read of the log waits for new entries."""


@dataclass(frozen=True, slots=True)
class ComposedEvents:
    """The events of status changes and their connection to Redis; process lifetime.

    Args:
        events: Reports and follows status changes; every account refers to it.
        own: The gateway's own account when the process starts, which webhooks belong to.
        redis: The connection, which is closed last; None without Redis.
    """

    events: Events
    own: Account
    redis: Redis | None

    @property
    def hint(self) -> Callable[[str, str], bool]:
        """The function to call with the kind and id of a record that may have changed."""
        return self.events.hint

    def attach(self, upstreams: Upstreams) -> None:
        """Let every account refer to the events, and webhooks be about the gateway's own.

        Args:
            upstreams: Have the accounts.
        """
        for account in (upstreams.own, *upstreams.named.values()):
            account.events = self.events
        # A webhook names no account.
        self.events.own = upstreams.own

    async def open(self) -> None:
        """Start to listen to the log and to poll."""
        await self.events.start(self.own)

    async def close(self) -> None:
        """Stop everything; subscriptions must have ended."""
        await self.events.close()
        if self.redis is not None:
            await self.redis.aclose()


def compose_events(settings: Settings, upstreams: Upstreams) -> ComposedEvents:
    """Build the events that the settings ask for, and attach them to every account."""
    events, redis = _build_events(settings, upstreams.records, upstreams.redis_times)
    composed = ComposedEvents(events, upstreams.own, redis)
    # Afterwards, because the events are built from the accounts' cache.
    composed.attach(upstreams)
    return composed


def _build_events(settings: Settings, records: RecordCache, times: RedisTimes) -> tuple[Events, Redis | None]:
    keep = LogConfig(settings.events.keep_seconds, settings.events.max_events)
    config = EventsConfig(
        polls=PollConfig(settings.events.poll_min_seconds, settings.events.poll_max_seconds),
        queue_size=settings.events.queue_size,
        keep_seconds=settings.events.keep_seconds,
        secrets=tuple(key.get_secret_value().encode() for key in settings.secret_keys),
        forget=_forgetting(records),
    )
    if settings.redis_url is None:
        return Events(MemoryEventLog(keep, utc_now), None, config), None
    servers = RedisServers(settings.redis_url.get_secret_value())
    # The log's scripts change the keys of a record and of the whole log in one step.
    prefix = servers.together(settings.redis_prefix, "log")
    redis = servers.client(REDIS_SECONDS, prefix)
    log = RedisEventLog(redis, prefix, keep, times=times, replicated=servers.replicated)
    # A random name of this process, by which the others know whose lease it is.
    coordination = RedisCoordination(redis, prefix, token_hex(8), _loop_time, times)
    return Events(log, coordination, config), redis


def _forgetting(records: RecordCache) -> Forget:
    async def forget(key: RecordKey) -> None:
        found = followed_type(key.kind)
        await records.forget(key.identity, found.kind, [found.kept_id(key.local_id)])

    return forget


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
