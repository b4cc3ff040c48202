"""Idempotency keys in Redis, for a gateway of several processes.

Each key is a hash that expires by itself. A sorted set of each caller names its keys by their end, and bounds their
number; it also has a name for each `UNIT_BYTES` of an outcome. Leases end by Redis's clock, because those of processes
differ.
"""

import logging
from typing import Any, Final

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from resolvers.idempotency.store import UNIT_BYTES, Claimed, KeyLimits, KeyName, KeyStoreFaults, Verdict

logger = logging.getLogger(__name__)

_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
"""

CLAIM: Final = f"""{_NOW}
local kept = redis.call('HMGET', KEYS[1], 'fingerprint', 'owner', 'until', 'settled', 'content')
if not kept[1] then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  local last = tonumber(ARGV[5]) - 1
  if #redis.call('ZRANGE', KEYS[2], last, last) > 0 then return {{{Verdict.FULL.value}, ''}} end
  local ends = now + ARGV[4]
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'owner', ARGV[2], 'until', tostring(now + ARGV[3]),
    'settled', '0', 'content', '', 'ends', tostring(ends))
  redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[4] * 1000))
  redis.call('ZADD', KEYS[2], tostring(ends), ARGV[6])
  redis.call('PEXPIRE', KEYS[2], math.ceil(ARGV[4] * 1000))
  return {{{Verdict.OWNED.value}, ''}}
end
if kept[1] ~= ARGV[1] then return {{{Verdict.OTHER_INPUT.value}, ''}} end
if kept[4] == '1' then return {{{Verdict.SETTLED.value}, kept[5]}} end
if kept[2] ~= '' and tonumber(kept[3]) > now then return {{{Verdict.BUSY.value}, ''}} end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'until', tostring(now + ARGV[3]))
return {{{Verdict.OWNED.value}, kept[5]}}
"""
"""`KeyStore.claim`. KEYS: the key, the caller's set. ARGV: fingerprint, owner, seconds of the lease, seconds to keep
the key, the most keys of a caller, the key's member of the set."""

WRITE: Final = f"""{_NOW}
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
if ARGV[2] == '' and tonumber(ARGV[3]) == 0 then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[5])
  return 1
end
local ends = redis.call('HGET', KEYS[1], 'ends')
for unit = 1, math.floor(#ARGV[2] / {UNIT_BYTES}) do
  redis.call('ZADD', KEYS[2], ends, ARGV[5] .. ':' .. unit)
end
local owner = ARGV[1]
if tonumber(ARGV[3]) == 0 then owner = '' end
redis.call('HSET', KEYS[1], 'content', ARGV[2], 'owner', owner, 'until', tostring(now + ARGV[3]), 'settled', ARGV[4])
return 1
"""
"""`KeyStore.write`. KEYS: as above. ARGV: owner, content, seconds of the lease, 1 for settled, the key's member."""

EXTEND: Final = f"""{_NOW}
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'until', tostring(now + ARGV[2]))
end
"""
"""`KeyStore.extend`. KEYS: the key. ARGV: owner, seconds of the lease."""

REPLICA_MILLISECONDS: Final = 500
"""How long a write waits for a replica to have it; without one, it goes on all the same."""


class RedisKeys:
    """Keeps idempotency keys in Redis. Lifetime: process.

    Args:
        redis: A client with timeouts, which is closed with this store.
        prefix: The prefix of every key.
        limits: How much is kept.
        replicated: Whether a replica may take over; each write then waits until a replica has it.
    """

    def __init__(self, redis: Redis, prefix: str, limits: KeyLimits, *, replicated: bool = False) -> None:
        self._redis = redis
        self._prefix = prefix
        self._limits = limits
        self._replicated = replicated
        self._claim, self._write, self._extend = (redis.register_script(one) for one in (CLAIM, WRITE, EXTEND))
        self._faults = KeyStoreFaults("Redis", RedisError, OSError)

    async def claim(self, name: KeyName, fingerprint: bytes, owner: str, seconds: float) -> Claimed:
        """Try to become the owner of a key; see `KeyStore.claim`."""
        limits = self._limits
        arguments = [fingerprint, owner, seconds, limits.keep_seconds, limits.keys_per_caller, name.key]
        verdict, content = await self._run(self._claim, name, arguments)
        return Claimed(Verdict(int(verdict)), content.encode() if isinstance(content, str) else content)

    async def write(self, name: KeyName, owner: str, content: bytes, seconds: float, *, settled: bool) -> bool:
        """Replace what is kept under a key; see `KeyStore.write`."""
        return bool(await self._run(self._write, name, [owner, content, seconds, int(settled), name.key]))

    async def extend(self, name: KeyName, owner: str, seconds: float) -> None:
        """Renew the lease of a key, if the owner still has it."""
        with self._faults.translated():
            await self._extend(keys=self._keys(name)[:1], args=[owner, seconds])

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _run(self, script: AsyncScript, name: KeyName, arguments: list[Any]) -> Any:  # noqa: ANN401 - Redis's
        with self._faults.translated():
            if not self._replicated:
                return await script(keys=self._keys(name), args=arguments)
            # By one connection, since WAIT is about the writes of its own.
            async with self._redis.pipeline(transaction=False) as pipeline:
                await script(keys=self._keys(name), args=arguments, client=pipeline)
                pipeline.wait(1, REPLICA_MILLISECONDS)
                reply, replicas = await pipeline.execute()
        if not replicas:
            logger.warning("No replica of Redis has confirmed an idempotency key: a failover now may lose it.")
        return reply

    def _keys(self, name: KeyName) -> list[str]:
        return [f"{self._prefix}{name.caller}:{name.key}", f"{self._prefix}{name.caller}"]
