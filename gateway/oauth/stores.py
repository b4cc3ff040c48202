"""Opens the store of sessions and tokens that the settings name."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from gateway.oauth.redis_store import RedisSessions
from gateway.oauth.sessions import SessionStore
from gateway.oauth.sqlite_store import SqliteSessions
from gateway.settings.model import Settings

REDIS_SECONDS: Final = 2.0
"""What an answer of Redis may take: without it nobody knows who sent a request."""


def open_store(settings: Settings, now: Callable[[], float]) -> SessionStore:
    """Return Redis where it is configured, else the file; neither is connected to before it is used.

    Args:
        settings: All settings.
        now: The wall clock, in seconds since 1970.
    """
    if settings.redis_url is None:
        return SqliteSessions(Path(settings.sessions.database), now)
    url = settings.redis_url.get_secret_value()
    redis = Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
    return RedisSessions(redis, f"{settings.redis_prefix}oauth:", now)
