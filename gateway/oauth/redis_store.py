"""Sessions in Redis, for a gateway of several processes."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from inspect import isawaitable
from math import ceil
from typing import Any, Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.oauth.session_store import Session, StoreFaults
from resolvers.redis_times import RedisTimes

ADD: Final = """
redis.call('SET', KEYS[1], ARGV[1], 'EXAT', ARGV[2])
for _, listed in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if redis.call('EXISTS', ARGV[4] .. listed) == 0 then redis.call('SREM', KEYS[2], listed) end
end
redis.call('SADD', KEYS[2], ARGV[3])
local left = redis.call('TTL', KEYS[2])
if left < 0 or redis.call('TIME')[1] + left < tonumber(ARGV[2]) then redis.call('EXPIREAT', KEYS[2], ARGV[2]) end
"""
"""Stores a session and adds it to its person's list, dropping expired ones; the list expires with its last session.

KEYS: the session, the list of its person. ARGV: the session, its expiry, its token hash, the key prefix of sessions.
"""

RESEAL: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') end
"""
"""Replaces a session that is stored as it was read. KEYS: the session. ARGV: the session as read, the new one."""

TOKENS_SECONDS: Final = 366 * 86_400
"""How long an account's tokens are kept after their last refresh; an account in use refreshes them each month."""

REPLICA_MILLISECONDS: Final = 500
"""How long a write waits for a replica to have it; without one, it goes on all the same."""

LOCK_PAUSE: Final = 0.05
"""Seconds between two attempts to take a lock."""

logger = logging.getLogger(__name__)

_encode = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Session).decode


def _raw(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


class RedisSessions:
    """Stores sessions under keys that expire with them; process lifetime.

    Args:
        redis: A client with timeouts, which is closed with this store.
        prefix: The prefix of every key.
        now: The wall clock, in seconds since 1970.
        times: Measures commands; None measures them for nobody.
        replicated: Whether a replica may take over; each write then waits until a replica has it.
    """

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        now: Callable[[], float],
        times: RedisTimes | None = None,
        *,
        replicated: bool = False,
    ) -> None:
        self._times = times or RedisTimes()
        self._redis = redis
        self._prefix = prefix
        self._now = now
        self._replicated = replicated
        self._add = redis.register_script(ADD)
        self._reseal = redis.register_script(RESEAL)
        self._faults = StoreFaults("Redis", RedisError, OSError, msgspec.MsgspecError)

    async def add(self, session: Session) -> None:
        """Store a new session."""
        keys = [self._key(session.token_hash), self._list_key(session.subject)]
        arguments: list[bytes | int | str] = [
            _encode(session),
            ceil(session.expires_at),
            session.token_hash,
            self._key(""),
        ]
        with self._asked():
            await self._write(lambda redis: self._add(keys=keys, args=arguments, client=redis))

    async def find(self, token_hash: str) -> Session | None:
        """Return the session whose token has this hash."""
        with self._asked():
            kept = await self._redis.get(self._key(token_hash))
            return None if kept is None else _decode(_raw(kept))

    async def reseal(self, session: Session, sealed: bytes, *, only_as_read: bool = False) -> None:
        """Replace the tokens of a session that still exists, and with `only_as_read` has the same tokens."""
        key, changed = self._key(session.token_hash), _encode(msgspec.structs.replace(session, sealed=sealed))
        with self._asked():
            if only_as_read:
                arguments = [_encode(session), changed]
                await self._write(lambda redis: self._reseal(keys=[key], args=arguments, client=redis))
            else:
                # Only over an existing key, so that a refresh that ends late does not bring back a revoked session.
                await self._write(lambda redis: redis.set(key, changed, xx=True, keepttl=True))

    async def of_subject(self, subject: str) -> list[Session]:
        """Return all sessions of a person, the oldest first."""
        with self._asked():
            listed = [_raw(token_hash).decode() for token_hash in await self._redis.smembers(self._list_key(subject))]
            # The list may name sessions that have expired since.
            kept = await self._redis.mget([self._key(token_hash) for token_hash in listed]) if listed else []
            found = [_decode(_raw(one)) for one in kept if one is not None]
        # The list is a set, which has no order.
        return sorted(found, key=lambda one: one.created_at)

    async def remove(self, session: Session) -> None:
        """Revoke a session."""
        with self._asked():
            if self._replicated:
                # A replica that takes over must not bring the session back.
                await self._write(lambda redis: redis.delete(self._key(session.token_hash)))
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.delete(self._key(session.token_hash))
                pipeline.srem(self._list_key(session.subject), session.token_hash)
                await pipeline.execute()

    async def spend(self, mark: str, until: float) -> bool:
        """Use a mark that may be used once; whether this was the first use."""
        # Redis refuses an expiry of no seconds.
        seconds = max(1, ceil(until - self._now()))
        with self._asked():
            key = f"{self._prefix}spent:{mark}"
            return bool(await self._write(lambda redis: redis.set(key, b"1", nx=True, ex=seconds)))

    async def tokens(self, name: str) -> bytes | None:
        """Return the stored sealed tokens of one of the gateway's own accounts."""
        with self._asked():
            kept = await self._redis.get(f"{self._prefix}tokens:{name}")
        return None if kept is None else _raw(kept)

    async def keep_tokens(self, name: str, sealed: bytes) -> None:
        """Store the sealed tokens of one of the gateway's own accounts."""
        with self._asked():
            key = f"{self._prefix}tokens:{name}"
            await self._write(lambda redis: redis.set(key, sealed, ex=TOKENS_SECONDS))

    @asynccontextmanager
    async def locked(self, name: str, seconds: float) -> AsyncIterator[None]:
        """Hold the lock of this name, across the processes that share the store."""
        lock = self._redis.lock(
            f"{self._prefix}lock:{name}",
            timeout=seconds,
            sleep=LOCK_PAUSE,
            blocking_timeout=seconds,
            thread_local=False,
        )
        with self._faults.translated():
            acquired = await lock.acquire()
        if not acquired:
            raise TimeoutError
        try:
            yield
        finally:
            # Neither an expired lock nor a lost Redis may discard the result of the block.
            with suppress(RedisError, OSError):
                await lock.release()

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Measure what is awaited within the block, and translate its failures."""
        with self._faults.translated(), self._times.measure("session"):
            yield

    async def _write(self, command: Callable[[Redis], Any]) -> Any:  # noqa: ANN401 - Redis's
        """Send a command and return its reply; where a replica may take over, once one has it or time is up."""
        if not self._replicated:
            return await command(self._redis)
        # By one connection, since WAIT is about the writes of its own.
        async with self._redis.pipeline(transaction=False) as pipeline:
            queued = command(pipeline)
            # A script queues itself when it is awaited; other commands are queued by the call.
            if isawaitable(queued) and queued is not pipeline:
                await queued
            pipeline.wait(1, REPLICA_MILLISECONDS)
            reply, replicas = await pipeline.execute()
        if not replicas:
            logger.warning("No replica of Redis has confirmed a change of a session: a failover now may lose it.")
        return reply

    def _key(self, token_hash: str) -> str:
        return f"{self._prefix}session:{token_hash}"

    def _list_key(self, subject: str) -> str:
        return f"{self._prefix}sessions-of:{subject}"
