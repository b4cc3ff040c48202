"""How often the cache did what, for metrics."""

import msgspec


class CacheCounts(msgspec.Struct):
    """Counters that only grow; process lifetime.

    Args:
        hits: Records served fresh from memory.
        stale: Records served past their TTL.
        misses: Records asked of Redis or an upstream.
        joined: Records that came with a read already in flight.
        from_redis: Records that Redis had.
        forgotten: Keys that a change made invalid.
        redis_failures: Commands that Redis did not carry out.
        unacknowledged: Invalidations that some other process did not confirm in time.
        unreadable_notices: Notices of other processes that could not be read; each made this one forget everything.
    """

    hits: int = 0
    stale: int = 0
    misses: int = 0
    joined: int = 0
    from_redis: int = 0
    forgotten: int = 0
    redis_failures: int = 0
    unacknowledged: int = 0
    unreadable_notices: int = 0
