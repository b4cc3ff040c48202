"""Sessions in Redis: for a gateway of several processes."""

from collections.abc import Callable
from math import ceil
from typing import Final

import msgspec
from redis.asyncio import Redis

from gateway.oauth.sessions import Session

_encode = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Session).decode


def _raw(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


class RedisSessions:
    """Keeps sessions under keys that Redis lets expire with them; lives as long as its process.

    Args:
        redis: A client of its own, closed with this.
        prefix: What every key begins with.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, redis: Redis, prefix: str, now: Callable[[], float]) -> None:
        self._redis = redis
        self._prefix = prefix
        self._now = now

    async def add(self, session: Session) -> None:
        """Keep a new session."""
        listed = self._list_key(session.subject)
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.set(self._key(session.token_hash), _encode(session), exat=ceil(session.expires_at))
            pipeline.sadd(listed, session.token_hash)
            pipeline.expireat(listed, ceil(session.expires_at))
            await pipeline.execute()

    async def find(self, token_hash: str) -> Session | None:
        """The session whose token has this hash."""
        kept = await self._redis.get(self._key(token_hash))
        return None if kept is None else _decode(_raw(kept))

    async def reseal(self, session: Session, sealed: bytes) -> None:
        """Keep other tokens for a session that is still there."""
        changed = msgspec.structs.replace(session, sealed=sealed)
        await self._redis.set(self._key(session.token_hash), _encode(changed), xx=True, keepttl=True)

    async def of_subject(self, subject: str) -> list[Session]:
        """All sessions of a person, the oldest first."""
        listed = await self._redis.smembers(self._list_key(subject))
        found = [await self.find(_raw(token_hash).decode()) for token_hash in listed]
        return sorted((one for one in found if one is not None), key=lambda one: one.created_at)

    async def remove(self, session: Session) -> None:
        """Revoke a session."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(self._key(session.token_hash))
            pipeline.srem(self._list_key(session.subject), session.token_hash)
            await pipeline.execute()

    async def spend(self, mark: str, until: float) -> bool:
        """Use up something that may be used once."""
        seconds = max(1, ceil(until - self._now()))
        return bool(await self._redis.set(f"{self._prefix}spent:{mark}", b"1", nx=True, ex=seconds))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _key(self, token_hash: str) -> str:
        return f"{self._prefix}session:{token_hash}"

    def _list_key(self, subject: str) -> str:
        return f"{self._prefix}sessions-of:{subject}"
