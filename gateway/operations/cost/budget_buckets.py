"""Where callers' buckets are kept: in the process, or in Redis for all processes together."""

import logging
from collections.abc import Callable
from typing import Final

from cachetools import LRUCache
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.operations.cost.budget import MINUTE, Level

MAX_CALLERS: Final = 100_000
"""Buckets in the process; one that is forgotten is a full one again."""

AWAY_SECONDS: Final = 1.0
"""How long Redis is left alone after it failed."""

TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local capacity, wanted, seconds = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local kept = redis.call('HMGET', KEYS[1], 'calls', 'at')
local calls = capacity
if kept[1] then
  calls = math.min(capacity, kept[1] + math.max(0, now - kept[2]) * capacity / seconds)
end
local granted = (wanted <= calls or ARGV[3] == '1') and 1 or 0
if granted == 1 then
  calls = math.min(capacity, calls - wanted)
end
redis.call('HSET', KEYS[1], 'calls', tostring(calls), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil(seconds + 1 + math.max(0, -calls) * seconds / capacity))
return {granted, tostring(calls)}
"""
"""`LocalBuckets.take` by the clock of Redis, so that processes need not agree on theirs; a bucket expires when full."""

_LOG: Final = logging.getLogger(__name__)


class LocalBuckets:
    """Buckets of one process; lives as long as it.

    Args:
        clock: Seconds since whenever, never going back.
    """

    def __init__(self, clock: Callable[[], float], max_callers: int = MAX_CALLERS) -> None:
        self._clock = clock
        self._kept: LRUCache[str, tuple[float, float]] = LRUCache(max_callers)

    async def take(
        self, caller: str, calls: int, capacity: int, *, owed: bool = False, seconds: float = MINUTE
    ) -> Level:
        """Take calls out of a caller's bucket, all or none."""
        now = self._clock()
        level, at = self._kept.get(caller, (float(capacity), now))
        level = min(capacity, level + (now - at) * capacity / seconds)
        granted = owed or calls <= level
        if granted:
            level = min(float(capacity), level - calls)
        self._kept[caller] = level, now
        return Level(granted, level)


class RedisBuckets:
    """Buckets in Redis, and in this process while Redis fails; process lifetime.

    Args:
        redis: With timeouts that an operation can bear.
        prefix: What every key begins with.
        clock: Seconds since whenever, never going back.
    """

    def __init__(self, redis: Redis, prefix: str, clock: Callable[[], float]) -> None:
        self._script = redis.register_script(TAKE)
        self._prefix = f"{prefix}budget:"
        self._clock = clock
        self._local = LocalBuckets(clock)
        self._away_until = 0.0

    async def take(
        self, caller: str, calls: int, capacity: int, *, owed: bool = False, seconds: float = MINUTE
    ) -> Level:
        """Take calls out of a caller's bucket, all or none."""
        if self._clock() >= self._away_until:
            try:
                granted, level = await self._script(
                    keys=[self._prefix + caller], args=[capacity, calls, int(owed), seconds]
                )
                return Level(bool(granted), float(level))
            except (RedisError, OSError, TimeoutError) as error:
                self._away_until = self._clock() + AWAY_SECONDS
                _LOG.warning("Redis failed (%s): each process keeps callers' budgets alone for now.", error)
        return await self._local.take(caller, calls, capacity, owed=owed, seconds=seconds)
