"""Builds the idempotency keys, kept in Redis or in a SQLite file."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.settings.model import Settings
from resolvers.idempotency.keys import IdempotencyKeys
from resolvers.idempotency.redis_store import RedisKeys
from resolvers.idempotency.run import KeyCounts
from resolvers.idempotency.sqlite_store import SqliteKeys
from resolvers.idempotency.store import KeyLimits, KeyStore
from resolvers.redis_servers import RedisServers

REDIS_SECONDS: Final = 2.0
"""Time limit of a Redis command; a mutation with a key waits for a few."""


def compose_keys(
    settings: Settings, counts: KeyCounts | None = None, now: Callable[[], float] = time.time
) -> IdempotencyKeys:
    """Return the idempotency keys of all callers; the store connects on first use.

    Args:
        settings: All settings.
        counts: Counts what becomes of keys.
        now: The wall clock, in seconds since 1970.
    """
    return IdempotencyKeys(_store(settings, now), counts, settings.deadline_seconds, now)


def _store(settings: Settings, now: Callable[[], float]) -> KeyStore:
    group = settings.idempotency
    limits = KeyLimits(group.keep_seconds, group.keys_per_caller)
    if settings.redis_url is None:
        return SqliteKeys(Path(group.database), limits, now)
    servers = RedisServers(settings.redis_url.get_secret_value())
    # A key and the list of its caller's keys are changed together.
    prefix = servers.together(settings.redis_prefix, "idempotency")
    redis = servers.client(REDIS_SECONDS, prefix)
    return RedisKeys(redis, f"{prefix}idempotency:", limits, replicated=servers.replicated)
