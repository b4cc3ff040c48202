"""Builds what an operation reaches the upstreams with: connections, policies around it, clients, accounts."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from redis.asyncio import Redis

from gateway.composition.cache import build_record_cache
from gateway.settings.model import Settings
from gateway.settings.upstreams import (
    AccountSettings,
    DeliveriesSettings,
    LogisticsSettings,
    SmsSettings,
    UpstreamLimits,
)
from resolvers.accounts import Account
from resolvers.cache.records import RecordCache
from resolvers.sms.hedging import SmsHedging
from resolvers.upstreams.call import Transport
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.deliveries.login import DeliveriesLogin, DeliveriesLoginConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.logistics.connection import LogisticsConfig
from resolvers.upstreams.logistics.refreshing import LogisticsTokenPair, unshared_tokens
from resolvers.upstreams.logistics.tokens_client import LogisticsTokens
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from resolvers.upstreams.transport.breaker import BreakerConfig
from resolvers.upstreams.transport.credentials import (
    Authorizing,
    Credentials,
    FetchToken,
    FixedCredentials,
    Identifying,
    TokenCredentials,
)
from resolvers.upstreams.transport.health import UpstreamHealth
from resolvers.upstreams.transport.rate_state import PacingConfig
from resolvers.upstreams.transport.shared_rate import LocalRate, RedisRate
from resolvers.upstreams.transport.stack import Stack, StackConfig, StackSurroundings, build_stack
from resolvers.upstreams.transport.tracing import CallObserver
from resolvers.upstreams.transport.wire.connections import Connections
from resolvers.upstreams.transport.wire.wire import Wire

OWN_ACCOUNT = "own"
"""The identity of the gateway's own credentials; no tenant can have it: their names are prefixed."""

SPARED_STATUSES = {UpstreamName.SMS: frozenset({500})}
"""The SMS document lists 500 alone for a job that a data centre does not know: no sign of an outage there."""

MAX_LOGINS_AT_ONCE = 5
"""Exchanges of codes and session ids that run at the same time."""

REDIS_SECONDS = 0.5
"""What an upstream call can bear to wait for Redis before it is paced without."""


class AccountTokens(Protocol):
    """Gives out the bearer tokens of accounts with a refresh token; process lifetime."""

    def of(self, identity: str, configured: LogisticsTokenPair, upstream: LogisticsTokens) -> FetchToken:
        """Return what fetches the tokens of an account.

        Args:
            identity: Names the account.
            configured: Its tokens as the settings name them.
            upstream: Gives out new ones.
        """
        ...

    async def close(self) -> None:
        """Give up files and connections."""
        ...


@dataclass(frozen=True, slots=True)
class Upstreams:
    """The accounts and the connections below them; process lifetime.

    Args:
        own: The gateway's own account.
        named: The tenants' accounts by name.
        connections: Closed last.
        records: The cache of all accounts.
        redis: Where limits are shared with other processes, if anywhere.
        logistics: The policies around the logistics API, without credentials: for callers' own accounts.
        logins: The same with places, pace and breaker of their own: for logins, so that queries never wait for them.
        account_tokens: Keeps the accounts' tokens, if any are shared or outlive the process.
    """

    own: Account
    named: dict[str, Account]
    connections: Connections
    records: RecordCache
    redis: Redis | None = None
    logistics: Transport | None = None
    logins: Transport | None = None
    account_tokens: AccountTokens | None = None

    async def open(self) -> None:
        """Get in touch with the other processes."""
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
    settings: Settings, observer: CallObserver | None = None, account_tokens: AccountTokens | None = None
) -> Upstreams:
    """The accounts that the settings name; to be built inside the event loop that uses them.

    Args:
        settings: What the operator set.
        observer: Told of every upstream call.
        account_tokens: Keeps and refreshes the tokens of accounts, and is closed with the upstreams; without, each
            process does so for itself.
    """
    connections = Connections()
    redis = _open_redis(settings)
    # Bound once: to ask for the running loop is a system call up to Python 3.11, and each policy reads the clock.
    clock = asyncio.get_running_loop().time
    rate = RedisRate(redis, settings.redis_prefix, clock) if redis is not None else LocalRate(clock)
    records = build_record_cache(settings, clock)
    builder = _AccountBuilder(
        connections, StackSurroundings(clock, rate=rate, observer=observer), records, account_tokens
    )
    own = AccountSettings(deliveries=settings.deliveries, sms=settings.sms, logistics=settings.logistics)
    named = {name: builder.build(f"account:{name}", account) for name, account in settings.accounts.items()}
    logistics = builder.logistics_without_credentials(settings.logistics) if settings.logistics else None
    logins = builder.logins(settings.logistics) if settings.logistics else None
    account = builder.build(OWN_ACCOUNT, own)
    return Upstreams(account, named, connections, records, redis, logistics, logins, account_tokens)


def _open_redis(settings: Settings) -> Redis | None:
    if settings.redis_url is None:
        return None
    url = settings.redis_url.get_secret_value()
    return Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)


class _AccountBuilder:
    """Builds accounts over the same connections; lifetime: the making of an app.

    Accounts at one address share its policies where they have the same limits; with limits of its own an account has a
    breaker and places of its own too, for a call that is late for one may be in time for another.
    """

    def __init__(
        self,
        connections: Connections,
        surroundings: StackSurroundings,
        records: RecordCache,
        account_tokens: AccountTokens | None,
    ) -> None:
        self._connections = connections
        self._surroundings = surroundings
        self._records = records
        self._fetch_of = account_tokens.of if account_tokens is not None else unshared_tokens
        self._stacks: dict[tuple[UpstreamName, str, UpstreamLimits], Stack] = {}

    def build(self, identity: str, settings: AccountSettings) -> Account:
        return Account(
            identity,
            deliveries=self._deliveries(identity, settings.deliveries) if settings.deliveries else None,
            sms=self._sms(identity, settings.sms) if settings.sms else None,
            logistics=self._logistics(identity, settings.logistics) if settings.logistics else None,
            health=self._health(settings),
            hedging=SmsHedging(enabled=settings.sms.hedge) if settings.sms else None,
            records=self._records,
        )

    def logistics_without_credentials(self, settings: LogisticsSettings) -> Transport:
        return self._stack(UpstreamName.LOGISTICS, settings.url, settings)

    def logins(self, settings: LogisticsSettings) -> Transport:
        wire = Wire(self._connections, max_answer_bytes=settings.max_answer_bytes, keeps_connections=False)
        config = StackConfig(settings.timeout_seconds, MAX_LOGINS_AT_ONCE)
        return build_stack(wire, f"logins:{settings.url}", config, self._surroundings).transport

    def _health(self, settings: AccountSettings) -> Mapping[UpstreamName, Sequence[UpstreamHealth]]:
        addresses = {
            UpstreamName.DELIVERIES: (settings.deliveries, [settings.deliveries.url]) if settings.deliveries else None,
            UpstreamName.SMS: (settings.sms, [*settings.sms.urls, settings.sms.posting_url]) if settings.sms else None,
            UpstreamName.LOGISTICS: (settings.logistics, [settings.logistics.url]) if settings.logistics else None,
        }
        return {
            name: [self._stack_at(name, url, of[0]).health for url in dict.fromkeys(of[1])] if of else []
            for name, of in addresses.items()
        }

    def _stack(self, upstream: UpstreamName, url: str, limits: UpstreamLimits) -> Transport:
        return self._stack_at(upstream, url, limits).transport

    def _stack_at(self, upstream: UpstreamName, url: str, limits: UpstreamLimits) -> Stack:
        key = (upstream, url, limits.alone)
        if key not in self._stacks:
            wire = Wire(self._connections, max_answer_bytes=limits.max_answer_bytes)
            config = _stack_config(upstream, limits)
            self._stacks[key] = build_stack(wire, f"{upstream.name}:{url}", config, self._surroundings)
        return self._stacks[key]

    def _deliveries(self, identity: str, settings: DeliveriesSettings) -> DeliveriesClient:
        stack = self._stack(UpstreamName.DELIVERIES, settings.url, settings)
        credentials = _deliveries_credentials(settings, Identifying(stack, identity), self._surroundings.clock)
        transport = Authorizing(stack, credentials, identity)
        return DeliveriesClient(transport, DeliveriesConfig(settings.url))

    def _sms(self, identity: str, settings: SmsSettings) -> SmsClient:
        credentials = FixedCredentials.basic(settings.username, settings.password.get_secret_value())

        def authorized(url: str) -> Transport:
            return Authorizing(self._stack(UpstreamName.SMS, url, settings), credentials, identity)

        reads = [authorized(url) for url in settings.urls]
        return SmsClient(reads, authorized(settings.posting_url), SmsConfig(tuple(settings.urls), settings.posting_url))

    def _logistics(self, identity: str, settings: LogisticsSettings) -> LogisticsClient:
        stack = self._stack(UpstreamName.LOGISTICS, settings.url, settings)
        config = logistics_config(settings)
        transport = Authorizing(stack, self._logistics_credentials(identity, settings, stack, config), identity)
        return LogisticsClient(transport, config)

    def _logistics_credentials(
        self, identity: str, settings: LogisticsSettings, stack: Transport, config: LogisticsConfig
    ) -> Credentials:
        first = settings.token.get_secret_value() if settings.token else ""
        if settings.refresh_token is None:
            return FixedCredentials.bearer(first)
        configured = LogisticsTokenPair(first, settings.refresh_token.get_secret_value(), float("inf"))
        tokens = LogisticsTokens(Identifying(stack, identity), config)
        fetch = self._fetch_of(identity, configured, tokens)
        return TokenCredentials(UpstreamName.LOGISTICS, fetch, self._surroundings.clock)


def _stack_config(upstream: UpstreamName, limits: UpstreamLimits) -> StackConfig:
    return StackConfig(
        limits.timeout_seconds,
        limits.concurrency,
        breaker=BreakerConfig(spared_statuses=SPARED_STATUSES.get(upstream, frozenset())),
        pacing=PacingConfig(limits.rate_per_second),
    )


def logistics_config(settings: LogisticsSettings) -> LogisticsConfig:
    """What the settings say about the logistics API."""
    return LogisticsConfig(
        base_url=settings.url,
        platform=settings.platform,
        paths=settings.paths,
        client_key=settings.client_key,
        secret_key=settings.secret_key.get_secret_value() if settings.secret_key else None,
    )


def _deliveries_credentials(
    settings: DeliveriesSettings, transport: Transport, clock: Callable[[], float]
) -> Credentials:
    if settings.email and settings.password:
        config = DeliveriesLoginConfig(settings.login_url, settings.email, settings.password.get_secret_value())
        first = settings.token.get_secret_value() if settings.token else None
        return TokenCredentials(UpstreamName.DELIVERIES, DeliveriesLogin(transport, config).fetch, clock, first=first)
    return FixedCredentials.bearer(settings.token.get_secret_value() if settings.token else "")
