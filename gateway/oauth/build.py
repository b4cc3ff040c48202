"""Builds logins, sessions and their store from the settings."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from gateway.auth.authentication import KeyHolders, SessionCallers
from gateway.auth.cookies import Site
from gateway.composition.logistics import logistics_config
from gateway.composition.upstreams import Upstreams
from gateway.oauth.account_tokens import RefreshedAccountTokens
from gateway.oauth.endpoint import LoginLimits, OAuthEndpoint
from gateway.oauth.login import LogisticsLogin
from gateway.oauth.redis_store import RedisSessions
from gateway.oauth.routes import LoginRoutes
from gateway.oauth.sealing import Seal
from gateway.oauth.session_callers import LogisticsSessionCallers
from gateway.oauth.session_registry import CurrentSession, SessionRegistry
from gateway.oauth.session_store import SessionStore
from gateway.oauth.sqlite_store import SqliteSessions
from gateway.operations.cost.budget import Buckets, LocalBuckets, RedisBuckets
from gateway.settings.model import LogisticsSettings, Settings
from resolvers.redis_servers import RedisServers
from resolvers.redis_times import RedisTimes
from resolvers.upstreams.call import Transport
from resolvers.upstreams.logistics.tokens import LogisticsTokenClient
from resolvers.upstreams.transport.stack import loop_clock

REDIS_SECONDS: Final = 2.0
"""Time limit of a Redis command; every request with a session waits for one."""


def open_store(settings: Settings, now: Callable[[], float], times: RedisTimes | None = None) -> SessionStore:
    """Return the Redis store if Redis is configured, otherwise the SQLite file; it connects on first use.

    Args:
        settings: All settings.
        now: The wall clock, in seconds since 1970.
        times: Measures commands of Redis; None measures them for nobody.
    """
    if settings.redis_url is None:
        return SqliteSessions(Path(settings.sessions.database), now)
    servers = RedisServers(settings.redis_url.get_secret_value())
    # Sessions and the lists of a person's sessions are changed together.
    prefix = servers.together(settings.redis_prefix, "oauth")
    redis = servers.client(REDIS_SECONDS, prefix)
    return RedisSessions(redis, f"{prefix}oauth:", now, times, replicated=servers.replicated)


def build_account_tokens(settings: Settings, now: Callable[[], float] = time.time) -> RefreshedAccountTokens:
    """Return the token source of the accounts in the settings.

    The SQLite file is used only if secret keys are set, as for sessions.

    Args:
        settings: All settings.
        now: The wall clock, in seconds since 1970.
    """
    keys = [key.get_secret_value() for key in settings.secret_keys]
    return RefreshedAccountTokens(open_store(settings, now) if settings.redis_url or keys else None, keys, now)


@dataclass(frozen=True, slots=True)
class Sessions:
    """What sessions are kept with; process lifetime.

    Args:
        store: Keeps them.
        registry: Opens, finds and revokes them.
        seal: Seals what a login hands to the browser.
    """

    store: SessionStore
    registry: SessionRegistry
    seal: Seal


@dataclass(frozen=True, slots=True)
class OAuth:
    """Logins and sessions. Lifetime: until the next reload, which takes over limits and sessions.

    Args:
        endpoint: The ASGI app of /oauth/logistics.
        callers: Finds the callers of sessions; None if the settings allow no sessions.
        limits: Rate limits of logins.
        sessions: What they are kept with; None if the settings have never allowed any.
    """

    endpoint: ASGIApp
    callers: SessionCallers | None
    limits: LoginLimits
    sessions: Sessions | None

    async def close(self) -> None:
        """Close files and connections."""
        if self.sessions is not None:
            await self.sessions.store.close()


def build_oauth(
    settings: Settings,
    upstreams: Upstreams,
    site: Site,
    key_holders: KeyHolders,
    now: Callable[[], float] = time.time,
    before: OAuth | None = None,
) -> OAuth:
    """Return logins and sessions; if the settings allow none, an endpoint that refuses with the reason.

    Args:
        settings: All settings.
        upstreams: Supply the transport to the logistics API.
        site: Own origin, cross-site rule and cookies.
        key_holders: The callers with keys and tokens, which may be sent along with a session.
        now: The wall clock, in seconds since 1970.
        before: What was built from the settings before a reload, whose limits and sessions go on.
    """
    limits = before.limits if before is not None else _limits(settings, upstreams)
    sessions = before.sessions if before is not None else None
    logistics = settings.logistics
    # Sessions are sealed by the secret keys, and opened with the partner's two keys.
    allowed = settings.secret_keys and logistics and logistics.client_key and logistics.secret_key
    if not allowed or logistics is None or upstreams.logistics is None or upstreams.logins is None:
        return OAuth(OAuthEndpoint(None, site.rule, limits), None, limits, sessions)
    sessions = sessions or _sessions(settings, now, upstreams.redis_times)
    registry = sessions.registry
    login = _login(logistics, upstreams.logins, registry, sessions.store, now)
    current = CurrentSession(registry, key_holders, site.cookies)
    routes = LoginRoutes(login, registry, current, sessions.seal, settings.sessions.lifetime_seconds, site)
    callers = LogisticsSessionCallers(registry, upstreams.logistics, logistics_config(logistics), upstreams.own, now)
    return OAuth(OAuthEndpoint(routes.routes, site.rule, limits), callers, limits, sessions)


def _sessions(settings: Settings, now: Callable[[], float], times: RedisTimes) -> Sessions:
    store = open_store(settings, now, times)
    registry = SessionRegistry(store, _seal(settings, "sessions", now), settings.sessions.lifetime_seconds, now)
    return Sessions(store, registry, _seal(settings, "logins", now))


def _limits(settings: Settings, upstreams: Upstreams) -> LoginLimits:
    buckets: Buckets = LocalBuckets(loop_clock)
    if upstreams.redis is not None:
        prefix = f"{settings.redis_prefix}logins:"
        buckets = RedisBuckets(upstreams.redis, prefix, loop_clock, times=upstreams.redis_times)
    return LoginLimits(buckets, settings.sessions.logins_per_minute, settings.sessions.all_logins_per_minute)


def _seal(settings: Settings, purpose: str, now: Callable[[], float]) -> Seal:
    return Seal([key.get_secret_value() for key in settings.secret_keys], purpose, now)


def _login(
    logistics: LogisticsSettings,
    transport: Transport,
    registry: SessionRegistry,
    store: SessionStore,
    now: Callable[[], float],
) -> LogisticsLogin:
    return LogisticsLogin(
        authorize_url=logistics.authorize_url,
        # `build_oauth` has seen that there is one.
        client_key=logistics.client_key or "",
        upstream=LogisticsTokenClient(transport, logistics_config(logistics)),
        registry=registry,
        store=store,
        now=now,
    )
