"""Builds the cache of records that the settings ask for."""

from collections.abc import Callable

from gateway.settings.model import Settings
from resolvers.cache.counts import CacheCounts
from resolvers.cache.freshness import CacheConfig
from resolvers.cache.records import RecordCache
from resolvers.cache.redis_link import RedisLink
from resolvers.cache.shared import SharedRecords


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
