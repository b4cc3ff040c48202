"""Stores the states of rate limits: in this process, or in Redis, where all processes together stay below them.

Theory of operation
-------------------
The rules are the pure functions of `rate_state.py`, in Python; a store replaces a state in one step. In Redis that is
compare-and-set, and a lost comparison means that another process has changed the state::

    read --> change(state, now) --- unchanged --> done
               ^    `-- changed --> replace if it is still what was read --- yes --> done
               |                                 | no
               +---------------------------------+

Times are those of the store, so that the clocks of hosts need not agree. While Redis fails, each process keeps states
of its own, and asks Redis again after `AWAY_SECONDS`.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from redis.asyncio import Redis

from resolvers.redis_failures import FAILURES
from resolvers.redis_times import RedisTimes
from resolvers.upstreams.transport.rate_state import Change, RateState, RateStatus

RateChange = Callable[[RateState, float], Change]
"""From a state and the store's time to the state that replaces it, and the status that follows."""

MAX_STATES: Final = 10_000
UNKNOWN: Final = RateState()


class SharedRate(Protocol):
    """Stores the state of each limit for all that share it. Lifetime: process."""

    recheck_seconds: float | None
    """How long another process's change may go unnoticed while nothing is restricted; None if no other shares it."""

    async def change(self, key: str, change: RateChange) -> RateStatus:
        """Replace a state in one step.

        Args:
            key: The address and the identity of the limit.
            change: Called at least once; the last call is the one that counts.
        """
        ...


class LocalRate:
    """Stores the states in this process, up to `MAX_STATES`. Lifetime: process.

    Args:
        clock: A monotonic clock, in seconds.
    """

    recheck_seconds: float | None = None

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._states: OrderedDict[str, RateState] = OrderedDict()

    async def change(self, key: str, change: RateChange) -> RateStatus:
        """Replace a state."""
        state, rate_status = change(self._states.get(key, UNKNOWN), self._clock())
        self._states[key] = state
        self._states.move_to_end(key)
        if len(self._states) > MAX_STATES:
            self._states.popitem(last=False)
        return rate_status


KEPT_SECONDS: Final = 1200
"""How long a state is kept after the last change; by then nothing that was learnt is in force."""

AWAY_SECONDS: Final = 1.0
"""How long Redis is not asked again after it failed."""

# The time is returned as text, because Redis cuts the numbers that Lua returns to whole ones.
REPLACE: Final = """
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', time[2])
local current = redis.call('GET', KEYS[1]) or ''
if ARGV[1] ~= ARGV[2] and current == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
  return {1, current, now}
end
return {0, current, now}
"""
"""Replaces a value that is as expected; returns whether it did, the value before, and the time of Redis."""

_DECODER: Final = msgspec.json.Decoder(RateState)
_LOG: Final = logging.getLogger(__name__)


class RedisRate:
    """Stores the states in Redis, and in this process while Redis fails. Lifetime: process.

    Args:
        redis: A client whose timeouts a call can bear.
        prefix: The beginning of every key.
        clock: The event loop's clock, in seconds.
        times: Measures commands; None measures them for nobody.

    Attributes:
        failures: How often Redis failed.
    """

    recheck_seconds: float | None = 1.0

    def __init__(self, redis: Redis, prefix: str, clock: Callable[[], float], times: RedisTimes | None = None) -> None:
        self._script = redis.register_script(REPLACE)
        self._times = times or RedisTimes()
        self._prefix = prefix
        self._clock = clock
        self._local = LocalRate(clock)
        self._away_until = 0.0
        self._failing = False
        self.failures = 0

    async def change(self, key: str, change: RateChange) -> RateStatus:
        """Replace a state; only in this process while Redis fails."""
        # Otherwise each call would wait for the timeout of a Redis that is down.
        if self._clock() < self._away_until:
            return await self._local.change(key, change)
        try:
            rate_status = await self._change(f"{self._prefix}pacing:{key}", change)
        except FAILURES as error:
            self._note_failure(error)
            return await self._local.change(key, change)
        if self._failing:
            self._failing = False
            _LOG.info("Redis is back: upstream calls are paced together with other processes again.")
        return rate_status

    async def _change(self, key: str, change: RateChange) -> RateStatus:
        """Read and replace a state until no other process has changed it in between."""
        # Without a bound, because each failed attempt is another process's success.
        # Equal arguments make the script read only.
        _, current, now = await self._replace(key, b"", b"")
        while True:
            before = _state_in(current)
            after, rate_status = change(before, now)
            # Nothing to write: the call has to wait, or no limit is in force.
            if after is before:
                return rate_status
            replaced, current, now = await self._replace(key, current, msgspec.json.encode(after))
            if replaced:
                return rate_status

    async def _replace(self, key: str, expected: bytes, wanted: bytes) -> tuple[bool, bytes, float]:
        with self._times.measure("pacing"):
            replaced, current, now = await self._script(keys=[key], args=[expected, wanted, KEPT_SECONDS])
        return bool(replaced), current, float(now)

    def _note_failure(self, error: Exception) -> None:
        self.failures += 1
        self._away_until = self._clock() + AWAY_SECONDS
        if not self._failing:
            self._failing = True
            _LOG.warning("Redis failed (%s): each process paces its upstream calls alone until it is back.", error)


def _state_in(value: bytes) -> RateState:
    """Return the state in a value of Redis; `UNKNOWN` for one that another release wrote in another form."""
    try:
        return _DECODER.decode(value) if value else UNKNOWN
    except msgspec.MsgspecError:
        return UNKNOWN
