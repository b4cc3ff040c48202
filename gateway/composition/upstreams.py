"""Builds what an operation reaches the upstreams with: connections, policies around them, cache, clients, accounts."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from gateway.composition.apis import AccountTokens, Deliveries, Logistics, Sms
from gateway.composition.upstream import Transports, UpstreamComposition
from gateway.settings.model import Settings
from resolvers.accounts import Account
from resolvers.cache.counts import CacheCounts
from resolvers.cache.freshness import CacheConfig
from resolvers.cache.records import RecordCache
from resolvers.cache.redis_link import RedisLink
from resolvers.cache.shared import SharedRecords
from resolvers.upstreams.call import Transport
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.health import UpstreamHealth
from resolvers.upstreams.transport.shared_rate import LocalRate, RedisRate
from resolvers.upstreams.transport.stack import StackSurroundings
from resolvers.upstreams.transport.tracing import CallObserver
from resolvers.upstreams.transport.wire.wire import Connections

OWN_ACCOUNT: Final = "own"
"""The identity of the gateway's own credentials; no tenant can have it: their names are prefixed."""

MAX_LOGINS_AT_ONCE: Final = 5
"""Exchanges of codes and session ids that run at the same time."""

REDIS_SECONDS: Final = 0.5
"""What an upstream call can bear to wait for Redis before it is paced without."""


@dataclass(frozen=True, slots=True)
class Upstreams:
    """The accounts and the connections below them; process lifetime.

    Args:
        compositions: What the gateway is composed of.
        own: The gateway's own account.
        named: The tenants' accounts by name.
        connections: Closed last.
        records: The cache of all accounts.
        redis: Where limits are shared with other processes, if anywhere.
        logistics: The policies around the logistics API, without credentials: for callers' own accounts.
        logins: The same with places, pace and breaker of their own: for logins, so that queries never wait for them.
        account_tokens: Keeps the accounts' tokens, if any are shared or outlive the process.
    """

    compositions: Sequence[UpstreamComposition[Any]]
    own: Account
    named: dict[str, Account]
    connections: Connections
    records: RecordCache
    redis: Redis | None = None
    logistics: Transport | None = None
    logins: Transport | None = None
    account_tokens: AccountTokens | None = None

    async def open(self) -> None:
        """Connect to the other processes."""
        await self.records.open()

    async def close(self) -> None:
        """Close every connection."""
        await self.records.close()
        await self.connections.close()
        if self.account_tokens is not None:
            await self.account_tokens.close()
        if self.redis is not None:
            await self.redis.aclose()

    @property
    def addresses(self) -> Mapping[UpstreamName, Sequence[UpstreamHealth]]:
        """What is known of every address of each upstream, those that accounts share once."""
        accounts = (self.own, *self.named.values())
        return {
            name: list({id(health): health for account in accounts for health in account.health.get(name, ())}.values())
            for name in UpstreamName.known()
        }


def build_upstreams(
    settings: Settings,
    observer: CallObserver | None = None,
    account_tokens: AccountTokens | None = None,
    others: Sequence[UpstreamComposition[Any]] = (),
) -> Upstreams:
    """Build the accounts that the settings name; inside the event loop that uses them.

    Args:
        settings: What the operator set.
        observer: Called for every upstream call.
        account_tokens: Keeps and refreshes the tokens of accounts, and is closed with the upstreams; without, each
            process does so for itself.
        others: Upstreams from outside, besides the gateway's own.
    """
    connections = Connections()
    redis = _open_redis(settings)
    # Bound once: to ask for the running loop is a system call up to Python 3.11, and each policy reads the clock.
    clock = asyncio.get_running_loop().time
    rate = RedisRate(redis, settings.redis_prefix, clock) if redis is not None else LocalRate(clock)
    transports = Transports(connections, StackSurroundings(clock, rate=rate, observer=observer))
    logistics = Logistics(account_tokens)
    builder = _AccountBuilder(
        (Deliveries(), Sms(), logistics, *others), transports, build_record_cache(settings, clock)
    )
    group = settings.logistics
    return Upstreams(
        builder.compositions,
        builder.build(OWN_ACCOUNT, settings),
        {name: builder.build(f"account:{name}", account) for name, account in settings.accounts.items()},
        connections,
        builder.records,
        redis,
        transports.stack(logistics, group.url, group).transport if group else None,
        transports.logins(group.url, group, MAX_LOGINS_AT_ONCE) if group else None,
        account_tokens,
    )


def _open_redis(settings: Settings) -> Redis | None:
    if settings.redis_url is None:
        return None
    url = settings.redis_url.get_secret_value()
    return Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)


@dataclass(frozen=True, slots=True)
class _AccountBuilder:
    """Builds accounts over the same connections; lifetime: the making of an app."""

    compositions: Sequence[UpstreamComposition[Any]]
    transports: Transports
    records: RecordCache

    def build(self, identity: str, settings: object) -> Account:
        """Build an account.

        Args:
            identity: Names it.
            settings: Has a group for each upstream that the account has credentials for.
        """
        configured = [(one, group) for one in self.compositions if (group := one.group(settings)) is not None]
        return Account(
            identity,
            {one.name: one.client(identity, group, self.transports) for one, group in configured},
            health={one.name: self._health(one, group) for one, group in configured},
            records=self.records,
        )

    def _health(self, one: UpstreamComposition[Any], group: Any) -> Sequence[UpstreamHealth]:  # noqa: ANN401 - its own
        return [self.transports.stack(one, url, group).health for url in dict.fromkeys(one.urls(group))]


def build_record_cache(settings: Settings, clock: Callable[[], float]) -> RecordCache:
    """Return the process's cache; one that passes every read through where nothing is to be kept or shared.

    Args:
        settings: What the operator set.
        clock: The event loop's, in seconds.
    """
    counts = CacheCounts()
    return RecordCache(cache_config(settings), shared=_shared(settings, counts), counts=counts, clock=clock)


def cache_config(settings: Settings) -> CacheConfig:
    """What the settings say about the cache."""
    cache = settings.cache
    return CacheConfig(
        keep=cache.enabled,
        coalesce=cache.coalesce,
        ttl_final=cache.ttl_final,
        ttl_active=cache.ttl_active,
        ttl_reference=cache.ttl_reference,
        ttl_relationship=cache.ttl_relationship,
        ttl_quote=cache.ttl_quote,
        ttl_missing=cache.ttl_missing,
        grace=cache.grace,
        max_entries=cache.max_entries,
        max_bytes=cache.max_bytes,
        in_flight_seconds=2 * settings.deadline_seconds,
    )


def _shared(settings: Settings, counts: CacheCounts) -> SharedRecords | None:
    if settings.redis_url is None or not settings.cache.enabled:
        return None
    prefix = f"{settings.redis_prefix}cache:"
    return SharedRecords(RedisLink(settings.redis_url.get_secret_value(), prefix, counts), prefix)
