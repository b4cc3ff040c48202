"""Keeps the ids of subscriptions in Redis, for those who resume a subscription with other ids in another process."""

from redis.asyncio import Redis
from redis.exceptions import RedisError

from resolvers.events.log import LogUnreachable
from resolvers.later import shielded


class RedisIdLists:
    """The lists of ids that cursors refer to, under `events:ids:<digest>`. Lifetime: process.

    Args:
        redis: A client that returns bytes.
        prefix: The prefix of every key.
        keep_milliseconds: How long a list is kept after it was last asked for.
    """

    def __init__(self, redis: "Redis", prefix: str, keep_milliseconds: int) -> None:
        self._redis = redis
        self._prefix = f"{prefix}ids:"
        self._keep_milliseconds = keep_milliseconds

    async def keep(self, digest: bytes, marks: bytes) -> None:
        """Keep the ids of a subscription as long as changes."""
        # The Redis client may swallow a cancellation, so none reaches it.
        await shielded(self._keep(digest, marks))

    async def kept(self, digest: bytes) -> bytes | None:
        """Return the marks of ids that were kept; None if they are lost."""
        return await shielded(self._kept(digest))

    async def _keep(self, digest: bytes, marks: bytes) -> None:
        try:
            await self._redis.set(self._prefix + digest.hex(), marks, px=self._keep_milliseconds)
        except (RedisError, OSError) as error:
            raise _unreachable(error) from error

    async def _kept(self, digest: bytes) -> bytes | None:
        try:
            kept = await self._redis.get(self._prefix + digest.hex())
        except (RedisError, OSError) as error:
            raise _unreachable(error) from error
        return kept if isinstance(kept, bytes) else None


def _unreachable(error: Exception) -> LogUnreachable:
    return LogUnreachable(f"The ids of a subscription in Redis cannot be asked for: {error}")
