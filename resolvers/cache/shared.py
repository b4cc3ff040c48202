"""The layer that all processes share: records, leases and forgotten keys in Redis, through aiocache."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

import msgspec
from aiocache.backends.redis import RedisCache  # type: ignore[import-untyped]  # aiocache has no types
from aiocache.serializers import NullSerializer  # type: ignore[import-untyped]  # aiocache has no types
from redis.asyncio import Redis

from resolvers.cache.kind import CachedKind, Freshness, Value
from resolvers.cache.memory import Entry, FreshnessPolicy, cost_of
from resolvers.cache.redis_link import RedisLink


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """A record and when it was told; lives in Redis.

    Args:
        stored_at: Wall clock, in seconds.
        fresh_until: Wall clock, in seconds.
        freshness: Names its policy.
        record: Its JSON, `null` for what does not exist.
    """

    stored_at: float
    fresh_until: float
    freshness: Freshness
    record: msgspec.Raw


_ENVELOPE = msgspec.json.Decoder(Envelope)


def sealed(entry: Entry, freshness: Freshness, record: bytes, *, now: float, wall: float) -> bytes:
    """An entry for Redis.

    Args:
        entry: What is kept here.
        freshness: Names its policy.
        record: Its JSON.
        now: The cache's clock.
        wall: The wall clock.
    """
    return msgspec.json.encode(
        Envelope(wall + entry.stored_at - now, wall + entry.fresh_until - now, freshness, msgspec.Raw(record))
    )


def opened(
    kind: CachedKind[Value], data: bytes, policies: dict[Freshness, FreshnessPolicy], *, now: float, wall: float
) -> Entry | None:
    """The entry that Redis had; None where another version of the gateway wrote what this one cannot read.

    A wall clock that stands wrong makes a record at most as old as its own TTL, never younger.
    """
    try:
        envelope = _ENVELOPE.decode(data)
        value = kind.decoder.decode(envelope.record)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    own = policies[envelope.freshness]
    stored_at = now - max(0.0, wall - envelope.stored_at)
    fresh_until = min(now + envelope.fresh_until - wall, now + own.ttl)
    return Entry(value, stored_at, fresh_until, own, cost_of(bytes(envelope.record)))


FORGOTTEN_SECONDS: Final = 120
"""How long a forgotten key is known as such: longer than any call that began before may take."""


PUT: Final = """
for item = 0, #KEYS / 3 - 1 do
  local record, forgotten, lease = KEYS[3 * item + 1], KEYS[3 * item + 2], KEYS[3 * item + 3]
  local value, milliseconds, seen, holder = unpack(ARGV, 4 * item + 1, 4 * item + 4)
  if value ~= '' and (redis.call('get', forgotten) or '') == seen then
    redis.call('set', record, value, 'px', milliseconds)
  end
  if holder ~= '' and redis.call('get', lease) == holder then redis.call('del', lease) end
end
"""
"""Keeps records unless they were forgotten since they were looked for, and gives the leases for them back."""


LEASE: Final = """
local granted = {}
for item = 0, #KEYS / 3 - 1 do
  local record, forgotten, lease = KEYS[3 * item + 1], KEYS[3 * item + 2], KEYS[3 * item + 3]
  local mine = redis.call('set', lease, ARGV[1], 'nx', 'px', ARGV[2]) and 1 or 0
  granted[item + 1] = {mine, redis.call('get', record) or '', redis.call('get', forgotten) or ''}
end
return granted
"""
"""Grants leases, and looks once more: a record may have come, and its lease been given back, since it was missed."""


FORGET: Final = """
for number = 1, #KEYS, 2 do
  redis.call('del', KEYS[number])
  redis.call('set', KEYS[number + 1], ARGV[1], 'ex', ARGV[2])
end
return redis.call('publish', ARGV[3], ARGV[4])
"""
"""Forgets records and tells every process; how many were told."""


MAX_UNFORGOTTEN: Final = 100_000
"""Keys kept in mind while Redis is away; where more change, all that Redis holds is dropped at its return."""


class SharedItem(msgspec.Struct, frozen=True):
    """What one record's fetch leaves in Redis; a value.

    Args:
        key: The record's.
        data: Its envelope; empty where the fetch failed.
        seconds: How long Redis keeps it.
        token: What Redis knew of the key's last invalidation before the fetch.
        leased: Whether this process holds the lease of the key.
    """

    key: str
    data: bytes = b""
    seconds: float = 0.0
    token: str = ""
    leased: bool = False


class Lease(msgspec.Struct, frozen=True):
    """The answer to the wish to fetch a record; a value.

    Args:
        is_ours: Whether this process is the one to fetch it.
        data: The record's envelope as it is in Redis now; empty where there is none.
        token: What Redis knows of the key's last invalidation now.
    """

    is_ours: bool
    data: bytes = b""
    token: str = ""


class _Backend(RedisCache):  # type: ignore[misc]  # aiocache has no types
    """aiocache's Redis backend on a client that was made from a URL, user name and TLS included."""

    def __init__(self, client: Redis) -> None:
        super().__init__(serializer=NullSerializer(encoding=None), timeout=0)
        self.client = client


class SharedRecords:
    """Records that all processes share; process lifetime. Nothing here raises: what fails is as if absent.

    Args:
        link: The connection, which knows whether Redis is there.
        prefix: What every key begins with.
    """

    def __init__(self, link: RedisLink, prefix: str) -> None:
        self.link = link
        self._prefix = prefix
        self._backend = _Backend(link.client)
        self._holder = uuid4().hex
        self._unforgotten: set[str] = set()
        self._too_many = False
        link.on_return = self._forget_late

    async def get(self, keys: Sequence[str]) -> list[tuple[bytes | None, str]]:
        """For each key its envelope, if any, and the token of its last invalidation."""
        names = [name for key in keys for name in (self._record(key), self._forgotten(key))]
        found = await self.link.run(lambda: self._backend.multi_get(names))
        if found is None:
            return [(None, "")] * len(keys)
        return [
            (record, token.decode() if token else "") for record, token in zip(found[::2], found[1::2], strict=True)
        ]

    async def lease(self, keys: Sequence[str], seconds: float) -> list[Lease]:
        """For each key whether this process is the one to fetch it now; all are, where Redis is away."""
        names = [name for key in keys for name in self._names(key)]
        arguments = (self._holder, int(seconds * 1000))
        granted = await self.link.run(lambda: self._evaluate(LEASE, names, arguments))
        if granted is None:
            return [Lease(is_ours=True)] * len(keys)
        return [Lease(bool(mine), data, token.decode()) for mine, data, token in granted]

    async def give_back(self, keys: Sequence[str]) -> None:
        """Give leases back without having fetched anything."""
        await self.put([SharedItem(key, leased=True) for key in keys])

    async def put(self, items: Sequence[SharedItem]) -> None:
        """Keep what was fetched, and give leases back."""
        names = [name for item in items for name in self._names(item.key)]
        arguments: list[Any] = []
        for item in items:
            holder = self._holder if item.leased else ""
            arguments += (item.data, max(1, int(item.seconds * 1000)), item.token, holder)
        await self.link.run(lambda: self._evaluate(PUT, names, arguments))

    async def forget(self, keys: Sequence[str]) -> None:
        """Forget keys in every process; returns once all have confirmed it, or could not be reached in time.

        While Redis is away they are kept in mind, and forgotten there when it returns.
        """
        if len(self._unforgotten) < MAX_UNFORGOTTEN:
            self._unforgotten.update(keys)
        else:
            self._too_many = True
        if await self._forget(keys):
            self._unforgotten.difference_update(keys)

    async def _forget(self, keys: Sequence[str]) -> bool:
        names = [name for key in keys for name in (self._record(key), self._forgotten(key))]
        with self.link.announcement(keys) as announcement:
            arguments = (uuid4().hex, FORGOTTEN_SECONDS, self.link.channel, announcement.message)
            told = await self.link.run(lambda: self._evaluate(FORGET, names, arguments))
            if told is None:
                return False
            await announcement.confirmed_by(int(told))
        return True

    async def _forget_late(self) -> None:
        """What changed while Redis was away is forgotten there before anything is read from it again."""
        if self._too_many:
            async for name in self.link.client.scan_iter(f"{self._prefix}record:*", count=1000):
                await self.link.client.unlink(name)
            self._too_many = False
        while self._unforgotten:
            some = [self._unforgotten.pop() for _ in range(min(500, len(self._unforgotten)))]
            names = [name for key in some for name in (self._record(key), self._forgotten(key))]
            arguments = (uuid4().hex, FORGOTTEN_SECONDS, self.link.channel, self.link.message(some))
            try:
                await self._evaluate(FORGET, names, arguments)
            except BaseException:
                self._unforgotten.update(some)
                raise

    async def _evaluate(self, script: str, names: Sequence[str], arguments: Sequence[Any]) -> Any:  # noqa: ANN401 - Redis's
        return await self._backend.raw("eval", script, len(names), *names, *arguments)

    def _names(self, key: str) -> tuple[str, str, str]:
        return self._record(key), self._forgotten(key), self._lease(key)

    def _record(self, key: str) -> str:
        return f"{self._prefix}record:{key}"

    def _forgotten(self, key: str) -> str:
        return f"{self._prefix}forgotten:{key}"

    def _lease(self, key: str) -> str:
        return f"{self._prefix}lease:{key}"
