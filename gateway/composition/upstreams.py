"""Builds what an operation reaches the upstreams with: connections, policies around them, cache, clients, accounts."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

from pydantic import SecretStr
from redis.asyncio import Redis

from gateway.composition.deliveries import Deliveries
from gateway.composition.logistics import AccountTokens, Logistics
from gateway.composition.sms import Sms
from gateway.composition.upstream import Transports, UpstreamComposition
from gateway.settings.model import LogisticsSettings, Settings, UpstreamLimits
from resolvers.accounts import Account
from resolvers.cache.records import CacheConfig, RecordCache
from resolvers.cache.redis_link import CacheCounts, RedisLink
from resolvers.cache.shared import SharedRecords
from resolvers.identities import identity_of
from resolvers.redis_servers import RedisServers
from resolvers.redis_times import RedisTimes
from resolvers.upstreams.call import Transport
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.health import UpstreamHealth
from resolvers.upstreams.transport.shared_rate import LocalRate, RedisRate
from resolvers.upstreams.transport.stack import Stack, StackSurroundings
from resolvers.upstreams.transport.tracing import CallObserver
from resolvers.upstreams.transport.wire.exchange import split_url
from resolvers.upstreams.transport.wire.wire import ConnectionsByTls

OWN_ACCOUNT: Final = "own"
"""The name of the gateway's own account; no tenant can have it, because theirs begin with `account:`."""

MAX_LOGINS_AT_ONCE: Final = 5
"""Exchanges of codes and session ids that run at the same time."""

REDIS_SECONDS: Final = 0.5
"""Time limit of a Redis command; an upstream call that waited so long for its pace is paced by this process only."""


NOT_IDENTIFYING: Final = frozenset({*UpstreamLimits.model_fields, "list_order"})
"""Settings of upstreams that lead to the same records whatever they are. Others are part of an account's identity: one
that a release adds would change all identities, and with them end every cursor and leave every cached record behind."""


class CertificateEnd(NamedTuple):
    """When a certificate ends; a value.

    Attributes:
        upstream: Whose connections it is for.
        side: Who shows it.
        ends_at: In seconds since 1970. Of several, such as those of two data centres, the first.
    """

    upstream: UpstreamName
    side: Literal["client", "server"]
    ends_at: float


@dataclass(frozen=True, slots=True)
class Upstreams:
    """The accounts and the connections below them. Lifetime: process; the accounts until their settings change.

    Args:
        builder: Builds accounts over the connections.
        own: The gateway's own account.
        named: The tenants' accounts by name.
        records: The cache of all accounts.
        redis: Shares limits with other processes; None if Redis is not configured.
        redis_times: Measures commands of Redis, for all that use it.
        logistics: The transport to the logistics API without credentials, for callers' own accounts.
        logins: The transport of logins, with places, pace and breaker of its own, so that queries never wait for it.
        account_tokens: Keeps the accounts' tokens; None keeps them in the process.
    """

    builder: "AccountBuilder"
    own: Account
    named: dict[str, Account]
    records: RecordCache
    redis: Redis | None = None
    redis_times: RedisTimes = field(default_factory=RedisTimes)
    logistics: Transport | None = None
    logins: Transport | None = None
    account_tokens: AccountTokens | None = None

    @property
    def compositions(self) -> Sequence[UpstreamComposition[Any]]:
        """The upstreams."""
        return self.builder.compositions

    def with_accounts(self, before: Settings, after: Settings) -> "Upstreams":
        """Return the same connections with the accounts of other settings.

        Args:
            before: The settings of these accounts. An account that they describe alike is kept, with its tokens and
                all that it has learnt.
            after: The settings of the new ones.
        """
        build, groups = self.builder.build, self.builder.groups
        own = self.own if groups(before) == groups(after) else build(OWN_ACCOUNT, after)
        named = {
            name: self.named[name] if account == before.accounts.get(name) else build(f"account:{name}", account)
            for name, account in after.accounts.items()
        }
        if after.logistics is None or after.logistics == before.logistics:
            return replace(self, own=own, named=named)
        logistics, logins = self.builder.without_credentials(after.logistics)
        return replace(self, own=own, named=named, logistics=logistics, logins=logins)

    def certificates(self, settings: Settings) -> Iterator[CertificateEnd]:
        """Yield the ends of the client certificates that accounts show, and of the servers' that they have seen.

        Args:
            settings: Those that the accounts are built from.
        """
        for account in (settings, *settings.accounts.values()):
            for upstream, group in self.builder.groups(account).items():
                yield from self.builder.certificates(upstream, group)

    async def open(self) -> None:
        """Connect to the other processes."""
        await self.records.open()

    async def close(self) -> None:
        """Close every connection."""
        await self.records.close()
        await self.builder.transports.connections.close()
        if self.account_tokens is not None:
            await self.account_tokens.close()
        if self.redis is not None:
            await self.redis.aclose()

    @property
    def addresses(self) -> Mapping[UpstreamName, Sequence[Stack]]:
        """The policies around every address of each upstream that these accounts use."""
        transports, accounts = self.builder.transports, (self.own, *self.named.values())
        # By its identity, because accounts share the policies of an address.
        used = {id(one) for account in accounts for healths in account.health.values() for one in healths}
        return {
            name: [stack for stack in transports.stacks(name) if id(stack.health) in used]
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
        settings: All settings.
        observer: Called for every upstream call.
        account_tokens: Keeps and refreshes the tokens of accounts, and is closed with the upstreams; None lets each
            process do so for itself.
        others: Upstreams from outside, besides the gateway's own.
    """
    redis = _open_redis(settings)
    # Bound once: to ask for the running loop is a system call up to Python 3.11, and each policy reads the clock.
    clock = asyncio.get_running_loop().time
    times = RedisTimes()
    rate = RedisRate(redis, settings.redis_prefix, clock, times) if redis is not None else LocalRate(clock)
    transports = Transports(ConnectionsByTls(), StackSurroundings(clock, rate=rate, observer=observer))
    logistics = Logistics(account_tokens)
    builder = AccountBuilder(
        (Deliveries(), Sms(), logistics, *others), transports, build_record_cache(settings, clock, times)
    )
    group = settings.logistics
    calls, logins = builder.without_credentials(group) if group else (None, None)
    return Upstreams(
        builder,
        builder.build(OWN_ACCOUNT, settings),
        {name: builder.build(f"account:{name}", account) for name, account in settings.accounts.items()},
        builder.records,
        redis,
        times,
        calls,
        logins,
        account_tokens,
    )


def _open_redis(settings: Settings) -> Redis | None:
    if settings.redis_url is None:
        return None
    # Spread over a cluster: each rate and budget is one key, changed by itself.
    return RedisServers(settings.redis_url.get_secret_value()).spread(REDIS_SECONDS)


@dataclass(frozen=True, slots=True)
class AccountBuilder:
    """Builds accounts over the same connections. Lifetime: process.

    Args:
        compositions: The upstreams.
        transports: The policies around each address.
        records: The cache of all accounts.
    """

    compositions: Sequence[UpstreamComposition[Any]]
    transports: Transports
    records: RecordCache

    def groups(self, settings: object) -> Mapping[UpstreamName, UpstreamLimits]:
        """Return the group of each upstream that the settings configure."""
        return {one.name: group for one in self.compositions if (group := one.group(settings)) is not None}

    def without_credentials(self, group: LogisticsSettings) -> tuple[Transport, Transport]:
        """Return the transports to the logistics API for calls of callers' own accounts, and for their logins."""
        # These share the policies of the gateway's account at this address, since its limits are the same.
        logistics = next(one for one in self.compositions if one.name is UpstreamName.LOGISTICS)
        calls = self.transports.stack(logistics, group.url, group).transport
        return calls, self.transports.logins(group.url, group, MAX_LOGINS_AT_ONCE)

    def certificates(self, upstream: UpstreamName, group: UpstreamLimits) -> Iterator[CertificateEnd]:
        """Yield the ends of the certificates that are known of an account's connections to an upstream."""
        connections = self.transports.connections.of(group.tls)
        if connections.client_certificate_end is not None:
            yield CertificateEnd(upstream, "client", connections.client_certificate_end)
        composition = next(one for one in self.compositions if one.name is upstream)
        origins = {split_url(url)[0] for url in composition.urls(group)}
        seen = [end for one in origins if (end := connections.server_certificate_end(one)) is not None]
        if seen:
            yield CertificateEnd(upstream, "server", min(seen))

    def build(self, name: str, settings: object) -> Account:
        """Build an account.

        Args:
            name: Its name, which stays when its credentials change.
            settings: Settings with a group for each upstream that the account has credentials for.
        """
        groups = self.groups(settings)
        identity = identity_of(name, b"".join(map(_credentials, groups.values())))
        configured = [(one, groups[one.name]) for one in self.compositions if one.name in groups]
        return Account(
            identity,
            {one.name: one.client(identity, group, self.transports) for one, group in configured},
            health={one.name: self._health(one, group) for one, group in configured},
            records=self.records,
        )

    def _health(self, one: UpstreamComposition[Any], group: Any) -> Sequence[UpstreamHealth]:  # noqa: ANN401 - the settings of its type
        # Each once: SMS jobs may be posted to one of the data centres.
        return [self.transports.stack(one, url, group).health for url in dict.fromkeys(one.urls(group))]


def _credentials(group: UpstreamLimits) -> bytes:
    """Return all that the upstream knows an account by, and where: whatever is no limit, secrets as well."""
    # Without the limits, since another timeout leads to the same records.
    known = group.model_dump(exclude=set(NOT_IDENTIFYING))
    # By its name: a renewed certificate leads to the same records.
    known["client certificate"] = group.tls.subject
    return json.dumps(known, sort_keys=True, default=_revealed).encode()


def _revealed(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def build_record_cache(settings: Settings, clock: Callable[[], float], times: RedisTimes | None = None) -> RecordCache:
    """Return the process's cache; if the settings disable it, it passes every read through.

    Args:
        settings: All settings.
        clock: The event loop's clock, in seconds.
        times: Measures commands of Redis; None measures them for nobody.
    """
    counts = CacheCounts()
    return RecordCache(cache_config(settings), shared=_shared(settings, counts, times), counts=counts, clock=clock)


def cache_config(settings: Settings) -> CacheConfig:
    """Return the cache's part of the settings."""
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
        # An operation may join a shared call late, and then has its own deadline to wait for it.
        in_flight_seconds=2 * settings.deadline_seconds,
    )


def _shared(settings: Settings, counts: CacheCounts, times: RedisTimes | None) -> SharedRecords | None:
    if settings.redis_url is None or not settings.cache.enabled:
        return None
    prefix = f"{settings.redis_prefix}cache:"
    return SharedRecords(RedisLink(settings.redis_url.get_secret_value(), prefix, counts, times), prefix)
