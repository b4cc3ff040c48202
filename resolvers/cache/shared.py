"""The layer that all processes share: records, leases and forgotten keys in Redis, through aiocache."""

import time
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
    """An entry as it is stored in Redis. Lifetime: until it expires there.

    Args:
        stored_at: When the upstream answered, in seconds of the wall clock.
        fresh_until: When the TTL ends, in seconds of the wall clock.
        freshness: Its freshness, by which each process finds its policy.
        record: The record's JSON; `null` if it does not exist.
    """

    stored_at: float
    fresh_until: float
    freshness: Freshness
    record: msgspec.Raw


_ENVELOPE = msgspec.json.Decoder(Envelope)


def encode_entry(entry: Entry, freshness: Freshness, record: bytes, *, now: float, wall: float) -> bytes:
    """Return the envelope of an entry, in JSON.

    Args:
        entry: The entry.
        freshness: Its freshness.
        record: The record's JSON.
        now: The time by the cache's clock, in seconds.
        wall: The time by the wall clock, in seconds.
    """
    # Wall-clock times, because processes share no other clock.
    return msgspec.json.encode(
        Envelope(wall + entry.stored_at - now, wall + entry.fresh_until - now, freshness, msgspec.Raw(record))
    )


def decode_entry(
    kind: CachedKind[Value], data: bytes, policies: dict[Freshness, FreshnessPolicy], *, now: float, wall: float
) -> Entry | None:
    """Return the entry in an envelope; None if another release of the gateway wrote it and it cannot be read."""
    try:
        envelope = _ENVELOPE.decode(data)
        value = kind.decoder.decode(envelope.record)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    own = policies[envelope.freshness]
    # Clocks of hosts differ: an entry is never taken for younger than it can be, nor kept longer than its TTL here.
    stored_at = now - max(0.0, wall - envelope.stored_at)
    fresh_until = min(now + envelope.fresh_until - wall, now + own.ttl)
    return Entry(value, stored_at, fresh_until, own, cost_of(bytes(envelope.record)))


FORGOTTEN_SECONDS: Final = 120
"""Seconds for which Redis remembers an invalidation; longer than any read that began before it may take."""


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
"""Keeps records unless they were forgotten since they were looked up, and releases their leases."""


LEASE: Final = """
local granted = {}
for item = 0, #KEYS / 3 - 1 do
  local record, forgotten, lease = KEYS[3 * item + 1], KEYS[3 * item + 2], KEYS[3 * item + 3]
  local mine = redis.call('set', lease, ARGV[1], 'nx', 'px', ARGV[2]) and 1 or 0
  granted[item + 1] = {mine, redis.call('get', record) or '', redis.call('get', forgotten) or ''}
end
return granted
"""
"""Grants leases, and looks the records up again: one may have come, and its lease been released, since the lookup."""


FORGET: Final = """
for number = 1, #KEYS, 2 do
  redis.call('del', KEYS[number])
  redis.call('set', KEYS[number + 1], ARGV[1], 'ex', ARGV[2])
end
if ARGV[3] == '' then return 0 end
return redis.call('publish', ARGV[3], ARGV[4])
"""
"""Forgets records and publishes a notice to all processes, if there is a channel; returns how many got it."""


RECENT_SECONDS: Final = 30
"""Seconds for which keys are forgotten again after a failover, since the new master may lack the last writes."""


MAX_PENDING: Final = 100_000
"""Keys remembered while Redis is unavailable; if more are forgotten, all records in Redis are dropped at its return."""


class SharedItem(msgspec.Struct, frozen=True):
    """The outcome of one record's fetch, for Redis.

    Args:
        key: The record's key.
        data: Its envelope; empty if the fetch failed.
        seconds: How long Redis keeps it.
        token: The token of the key's last invalidation, as Redis had it before the fetch.
        leased: Whether this process holds the lease of the key, to be released.
    """

    key: str
    data: bytes = b""
    seconds: float = 0.0
    token: str = ""
    leased: bool = False


class Lease(msgspec.Struct, frozen=True):
    """The answer to the request for a lease.

    Args:
        is_ours: Whether this process has got the lease and fetches the record.
        data: The record's envelope, as it is in Redis now; empty if there is none.
        token: The token of the key's last invalidation, as it is in Redis now.
    """

    is_ours: bool
    data: bytes = b""
    token: str = ""


class _Backend(RedisCache):  # type: ignore[misc]  # aiocache has no types
    """aiocache's Redis backend over a given client; aiocache's own clients take neither a user name nor TLS."""

    def __init__(self, client: Redis) -> None:
        # The client has time limits of its own, so aiocache's is off.
        super().__init__(serializer=NullSerializer(encoding=None), timeout=0)
        self.client = client


class SharedRecords:
    """The records in Redis. Lifetime: process. No method raises; a failure has the result of a missing record.

    Args:
        link: The connection to Redis.
        prefix: The prefix of every key.
    """

    def __init__(self, link: RedisLink, prefix: str) -> None:
        self.link = link
        self._prefix = prefix
        self._backend = _Backend(link.client)
        self._holder = uuid4().hex
        self._pending: set[str] = set()
        self._recent: dict[str, float] = {}
        self._too_many = False
        link.on_return = self._forget_pending

    async def get(self, keys: Sequence[str]) -> list[tuple[bytes | None, str]]:
        """Return for each key its envelope, if any, and the token of its last invalidation."""
        names = self._pairs(keys)
        # Records and tokens by one command, so that both are of the same moment.
        found = await self.link.run(lambda: self._backend.multi_get(names), "cache")
        if found is None:
            return [(None, "")] * len(keys)
        return [
            (record, token.decode() if token else "") for record, token in zip(found[::2], found[1::2], strict=True)
        ]

    async def lease(self, keys: Sequence[str], seconds: float) -> list[Lease]:
        """Request a lease for each key, for some seconds; all are granted if Redis is unavailable."""
        names = [name for key in keys for name in self._names(key)]
        arguments = (self._holder, int(seconds * 1000))
        granted = await self.link.run(lambda: self._evaluate(LEASE, names, arguments), "lease")
        if granted is None:
            return [Lease(is_ours=True)] * len(keys)
        return [Lease(bool(mine), data, token.decode()) for mine, data, token in granted]

    async def release(self, keys: Sequence[str]) -> None:
        """Release leases without having fetched anything."""
        await self.put([SharedItem(key, leased=True) for key in keys])

    def release_soon(self, keys: Sequence[str]) -> None:
        """Release leases in the background, for a caller that is cancelled."""
        self.link.spawn(self.release(keys))

    async def put(self, items: Sequence[SharedItem]) -> None:
        """Write what was fetched, and release leases."""
        names = [name for item in items for name in self._names(item.key)]
        arguments: list[Any] = []
        for item in items:
            holder = self._holder if item.leased else ""
            # Redis refuses an expiry of zero.
            arguments += (item.data, max(1, int(item.seconds * 1000)), item.token, holder)
        await self.link.run(lambda: self._evaluate(PUT, names, arguments), "cache")

    async def forget(self, keys: Sequence[str]) -> None:
        """Forget keys in Redis and in every process; return once all processes have confirmed it, or time is up.

        While Redis is unavailable the keys are remembered, and forgotten there when it returns.
        """
        # Remembered before the command is sent: the caller may be cancelled, or Redis become unavailable, meanwhile.
        if len(self._pending) < MAX_PENDING:
            self._pending.update(keys)
        else:
            self._too_many = True
        if await self._forget(keys):
            self._pending.difference_update(keys)
            if self.link.replicated:
                self._note_recent(keys)

    async def _forget(self, keys: Sequence[str]) -> bool:
        with self.link.announcement(keys) as announcement:
            # While Redis refuses this, it holds what has been changed.
            receivers = await self.link.run(
                lambda: self._forget_now(keys, announcement.message), "invalidation", required=True
            )
            if receivers is None:
                return False
            await announcement.confirmed_by(receivers)
        return True

    async def _forget_now(self, keys: Sequence[str], message: bytes) -> int:
        """Forget keys in Redis, and return the number of processes that got the notice."""
        token = uuid4().hex
        if not self.link.clustered:
            return int(
                await self._evaluate(FORGET, self._pairs(keys), (token, FORGOTTEN_SECONDS, self.link.channel, message))
            )
        # A script has the keys of one node only. The notice comes last: who gets it reads from Redis anew.
        for some in by_identity(keys):
            await self._evaluate(FORGET, self._pairs(some), (token, FORGOTTEN_SECONDS, "", b""))
        return await self.link.publish(self.link.channel, message)

    def _note_recent(self, keys: Sequence[str]) -> None:
        """Note keys to be forgotten again if another server takes over without what this one has just done."""
        now = time.monotonic()
        for key in keys:
            # Popped and added again: the dict is in the order of time.
            self._recent.pop(key, None)
            self._recent[key] = now
        while self._recent and (self._recent[oldest := next(iter(self._recent))] < now - RECENT_SECONDS):
            del self._recent[oldest]
        if len(self._recent) > MAX_PENDING:
            self._recent.clear()
            self._too_many = True

    async def _forget_pending(self) -> None:
        """Forget in Redis what was forgotten while it was unavailable, before anything is read from it again."""
        self._pending.update(self._recent)
        self._recent.clear()
        if self._too_many:
            # Which keys were forgotten is no longer known, so none can be trusted.
            async for name in self.link.client.scan_iter(f"{self._prefix}record:*", count=1000):
                await self.link.client.unlink(name)
            self._too_many = False
        while self._pending:
            # In portions, because a script blocks Redis while it runs.
            some = [self._pending.pop() for _ in range(min(500, len(self._pending)))]
            try:
                await self._forget_now(some, self.link.message(some))
            except BaseException:
                self._pending.update(some)
                raise

    async def _evaluate(self, script: str, names: Sequence[str], arguments: Sequence[Any]) -> Any:  # noqa: ANN401 - Redis's
        return await self._backend.raw("eval", script, len(names), *names, *arguments)

    def _names(self, key: str) -> tuple[str, str, str]:
        return self._record(key), self._forgotten(key), self._lease(key)

    def _pairs(self, keys: Sequence[str]) -> list[str]:
        return [name for key in keys for name in (self._record(key), self._forgotten(key))]

    def _record(self, key: str) -> str:
        return f"{self._prefix}record:{self._tagged(key)}"

    def _forgotten(self, key: str) -> str:
        return f"{self._prefix}forgotten:{self._tagged(key)}"

    def _lease(self, key: str) -> str:
        return f"{self._prefix}lease:{self._tagged(key)}"

    def _tagged(self, key: str) -> str:
        """Return the key; in a cluster with its identity as hash tag, so that a batch of an identity is on one node."""
        if not self.link.clustered:
            return key
        identity, slash, rest = key.partition("/")
        return f"{{{identity}}}{slash}{rest}"


def by_identity(keys: Sequence[str]) -> list[list[str]]:
    """Return the keys in groups of one identity each."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(key.partition("/")[0], []).append(key)
    return list(groups.values())
