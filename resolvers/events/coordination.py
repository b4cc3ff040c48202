"""Polling leases: one process polls for each account while a record of it is followed, in this process or in Redis."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, Protocol
from urllib.parse import quote

from redis.asyncio import Redis

from resolvers.events.changes import RecordKey
from resolvers.events.redis_log import reachable

LEASE_MILLISECONDS: Final = 3000
"""How long a lease outlives the last sign of its holder; another process takes it over after that."""

INTEREST_MILLISECONDS: Final = 15_000
"""How long what a process follows is taken to be followed after its last sign."""

REFRESH_SECONDS: Final = 5.0

SHARE: Final = """
local interest, lease = KEYS[1], KEYS[2]
local process, lease_ms, interest_ms, added = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for index = 5, #ARGV do
  local member = process .. '|' .. ARGV[index]
  if index < 5 + added then
    redis.call('ZADD', interest, now + interest_ms, member)
  else
    redis.call('ZREM', interest, member)
  end
end
redis.call('PEXPIRE', interest, interest_ms)
local holder = redis.call('GET', lease)
if holder and holder ~= process then return false end
redis.call('SET', lease, process, 'PX', lease_ms)
redis.call('ZREMRANGEBYSCORE', interest, '-inf', '(' .. now)
return redis.call('ZRANGE', interest, 0, -1)
"""
"""KEYS: what is followed, the lease. ARGV: process, the lease's and the interest's milliseconds, how many records are
followed, these, and those that are not followed any more. Returns what all processes follow, to the holder alone."""

RELEASE: Final = """
for index = 2, #ARGV do redis.call('ZREM', KEYS[1], ARGV[1] .. '|' .. ARGV[index]) end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
"""


class RedisCoordination:
    """Leases that end soon after their holder does; process lifetime.

    Args:
        redis: Its connections answer bytes.
        prefix: What every key begins with.
        process: Names this process among all.
        clock: Seconds that only go forward.
    """

    def __init__(self, redis: "Redis", prefix: str, process: str, clock: Callable[[], float]) -> None:
        self._prefix = f"{prefix}events:"
        self._process = process
        self._clock = clock
        self._share = redis.register_script(SHARE)
        self._release = redis.register_script(RELEASE)
        self._said: dict[str, tuple[float, set[str]]] = {}

    async def share(self, identity: str, followed: Collection[RecordKey]) -> set[RecordKey] | None:
        """Say what is followed here, and claim or renew the lease."""
        wanted = {f"{key.kind}:{key.local_id}" for key in followed}
        said_at, said = self._said.get(identity, (0.0, set()))
        refresh = self._clock() - said_at >= REFRESH_SECONDS
        added = wanted if refresh else wanted - said
        bounds: list[Any] = [self._process, LEASE_MILLISECONDS, INTEREST_MILLISECONDS, len(added)]
        async with reachable():
            members = await self._share(self._keys(identity), [*bounds, *added, *(said - wanted)])
        self._said[identity] = (self._clock() if refresh else said_at, wanted)
        return None if members is None else {_key(identity, member) for member in members}

    async def release(self, identities: Iterable[str]) -> None:
        """Follow nothing of these accounts any more, and give their leases up."""
        for identity in identities:
            _, said = self._said.pop(identity, (0.0, set()))
            async with reachable():
                await self._release(self._keys(identity), [self._process, *said])

    def _keys(self, identity: str) -> list[str]:
        quoted = quote(identity, safe=":")
        return [f"{self._prefix}followed:{quoted}", f"{self._prefix}lease:{quoted}"]


def _key(identity: str, member: bytes) -> RecordKey:
    _, _, found = member.decode().partition("|")
    kind, _, local_id = found.partition(":")
    return RecordKey(identity, kind, local_id)


class PollCoordination(Protocol):
    """Agrees with the other processes on who polls; process lifetime.

    Methods raise `LogUnreachable` where the others cannot be asked now.
    """

    async def share(self, identity: str, followed: Collection[RecordKey]) -> set[RecordKey] | None:
        """Say what is followed in this process, and claim or renew the account's polling lease.

        To be called about every second for each account that has subscribers here.

        Args:
            identity: The account's.
            followed: Its records that subscribers of this process follow.

        Returns:
            What subscribers of all processes follow, where this process holds the lease; None where another does.
        """
        ...

    async def release(self, identities: Iterable[str]) -> None:
        """Follow nothing of these accounts any more, and let another process have their leases."""
        ...


class LocalCoordination:
    """The only process polls everything; lives as long as it."""

    async def share(self, identity: str, followed: Collection[RecordKey]) -> set[RecordKey] | None:
        """What is followed here is all there is."""
        del identity
        return set(followed)

    async def release(self, identities: Iterable[str]) -> None:
        """There is nobody else."""
        del identities
