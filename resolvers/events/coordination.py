"""Polling leases: of all processes, one polls the followed records of an account.

Theory of operation
-------------------
About once a second, each process calls `share` for each account that its subscriptions follow records of. In Redis this
adds the records to the account's set of followed records and claims or renews the account's lease, in one script.
The holder of the lease gets the followed records of all processes and polls them. A lease outlives its holder's last
call by `LEASE_MILLISECONDS`, and then the next process to call takes it over; an entry in the set outlives its process
by `INTEREST_MILLISECONDS`. To save commands, a process sends only the differences since its last call, and all its
records every `REFRESH_SECONDS`.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, Protocol
from urllib.parse import quote

from redis.asyncio import Redis

from resolvers.events.changes import RecordKey
from resolvers.events.redis_log import reachable
from resolvers.redis_times import RedisTimes

LEASE_MILLISECONDS: Final = 3000
"""How long a lease outlives its holder's last renewal."""

INTEREST_MILLISECONDS: Final = 15_000
"""How long a followed record outlives its process's last renewal."""

REFRESH_SECONDS: Final = 5.0
"""How often a process sends all its followed records; well below `INTEREST_MILLISECONDS`."""

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
-- A set that no process renews is of no use.
redis.call('PEXPIRE', interest, interest_ms)
local holder = redis.call('GET', lease)
if holder and holder ~= process then return false end
redis.call('SET', lease, process, 'PX', lease_ms)
-- Records of processes that have died, or no longer follow them.
redis.call('ZREMRANGEBYSCORE', interest, '-inf', '(' .. now)
return redis.call('ZRANGE', interest, 0, -1)
"""
"""KEYS: the followed records, the lease. ARGV: process, milliseconds of the lease and of the interest, number of
followed records, these, and those no longer followed. Returns the followed records of all processes, to the holder."""

RELEASE: Final = """
for index = 2, #ARGV do redis.call('ZREM', KEYS[1], ARGV[1] .. '|' .. ARGV[index]) end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
"""


class RedisCoordination:
    """Polling leases in Redis. Lifetime: process.

    Args:
        redis: A client that returns bytes.
        prefix: The prefix of every key.
        process: A unique name of this process.
        clock: A monotonic clock, in seconds.
        times: Measures commands; None measures them for nobody.
    """

    def __init__(
        self,
        redis: "Redis",
        prefix: str,
        process: str,
        clock: Callable[[], float],
        times: RedisTimes | None = None,
    ) -> None:
        self._times = times or RedisTimes()
        self._prefix = f"{prefix}events:"
        self._process = process
        self._clock = clock
        self._share = redis.register_script(SHARE)
        self._release = redis.register_script(RELEASE)
        self._sent: dict[str, tuple[float, set[str]]] = {}

    async def share(self, identity: str, followed: Collection[RecordKey]) -> set[RecordKey] | None:
        """Share the followed records of this process, and claim or renew the lease."""
        wanted = {f"{key.kind}:{key.local_id}" for key in followed}
        sent_at, sent = self._sent.get(identity, (0.0, set()))
        refresh = self._clock() - sent_at >= REFRESH_SECONDS
        # Entries expire in Redis, so unchanged ones have to be renewed as well.
        added = wanted if refresh else wanted - sent
        bounds: list[Any] = [self._process, LEASE_MILLISECONDS, INTEREST_MILLISECONDS, len(added)]
        async with reachable():
            with self._times.measure("poll_lease"):
                members = await self._share(self._keys(identity), [*bounds, *added, *(sent - wanted)])
        # Only after the script has run: differences that did not arrive are sent again.
        self._sent[identity] = (self._clock() if refresh else sent_at, wanted)
        return None if members is None else {_key(identity, member) for member in members}

    async def release(self, identities: Iterable[str]) -> None:
        """Remove this process's followed records of these accounts, and give their leases up."""
        # All of them first: an account whose release fails is not released again, and what it follows expires there.
        left = [(identity, self._sent.pop(identity, (0.0, set[str]()))[1]) for identity in identities]
        for identity, sent in left:
            async with reachable():
                await self._release(self._keys(identity), [self._process, *sent])

    def _keys(self, identity: str) -> list[str]:
        quoted = quote(identity, safe=":")
        return [f"{self._prefix}followed:{quoted}", f"{self._prefix}lease:{quoted}"]


def _key(identity: str, member: bytes) -> RecordKey:
    # A member is `process|kind:id`, and only the id may contain further separators.
    _, _, found = member.decode().partition("|")
    kind, _, local_id = found.partition(":")
    return RecordKey(identity, kind, local_id)


class PollCoordination(Protocol):
    """Decides which process polls for an account. Lifetime: process.

    Methods raise `LogUnreachable` if the other processes cannot be reached.
    """

    async def share(self, identity: str, followed: Collection[RecordKey]) -> set[RecordKey] | None:
        """Share the followed records of this process, and claim or renew the account's polling lease.

        Called about once a second for each account that has subscriptions here.

        Args:
            identity: The account's identity.
            followed: The account's records that subscriptions of this process follow.

        Returns:
            The records that subscriptions of all processes follow, if this process holds the lease; otherwise None.
        """
        ...

    async def release(self, identities: Iterable[str]) -> None:
        """Remove this process's followed records of these accounts, so that other processes can have the leases."""
        ...


class LocalCoordination:
    """Coordination of a single process, which polls everything. Lifetime: process."""

    async def share(self, identity: str, followed: Collection[RecordKey]) -> set[RecordKey] | None:
        """Return the followed records of this process."""
        del identity
        return set(followed)

    async def release(self, identities: Iterable[str]) -> None:
        """Do nothing: there is no other process."""
        del identities
