"""Keeps the states of rate limits: in this process, or in Redis, where all processes together stay below them.

A state is replaced in a single step by a pure function of `rate_state.py`; in Redis by compare-and-set.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from resolvers.upstreams.transport.rate_state import Change, RateState, RateStatus

RateChange = Callable[[RateState, float], Change]
"""From a state and the keeper's time to the state that replaces it, and how things stand then."""

MOST_STATES: Final = 10_000
UNKNOWN: Final = RateState()


class SharedRate(Protocol):
    """Keeps the state of each limit for all who share it; process lifetime."""

    look_again_seconds: float | None
    """How soon another process's change may go unnoticed while nothing is restricted; None where there is no other."""

    async def change(self, key: str, change: RateChange) -> RateStatus:
        """Replace a state in one step.

        Args:
            key: Names the limit: address and identity.
            change: Called at least once, with nothing else happening to the state meanwhile.
        """
        ...


class LocalRate:
    """Keeps the states in this process, bounded; process lifetime.

    Args:
        clock: Seconds, never going back.
    """

    look_again_seconds: float | None = None

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._states: OrderedDict[str, RateState] = OrderedDict()

    async def change(self, key: str, change: RateChange) -> RateStatus:
        """Replace a state; nothing runs in between."""
        state, rate_status = change(self._states.get(key, UNKNOWN), self._clock())
        self._states[key] = state
        self._states.move_to_end(key)
        if len(self._states) > MOST_STATES:
            self._states.popitem(last=False)
        return rate_status


KEPT_SECONDS: Final = 1200
"""After this long without a call nothing that was learnt is in force."""

AWAY_SECONDS: Final = 1.0
"""How long Redis is left alone after it failed."""

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
"""Replaces a value that is as expected; answers whether it did, what the value was, and the time for all processes."""

_DECODER: Final = msgspec.json.Decoder(RateState)
_LOG: Final = logging.getLogger(__name__)


class RedisRate:
    """Keeps the states in Redis, and in this process while Redis fails; process lifetime.

    The rules stay in Python: a state is read, changed, and written back if it is still the same. Times are those of
    Redis, so that hosts need not agree on theirs.

    Args:
        redis: With timeouts that a call can bear.
        prefix: What every key begins with.
        clock: The event loop's clock, in seconds.

    Attributes:
        failures: How often Redis failed.
    """

    look_again_seconds: float | None = 1.0

    def __init__(self, redis: Redis, prefix: str, clock: Callable[[], float]) -> None:
        self._script = redis.register_script(REPLACE)
        self._prefix = prefix
        self._clock = clock
        self._local = LocalRate(clock)
        self._away_until = 0.0
        self._failing = False
        self.failures = 0

    async def change(self, key: str, change: RateChange) -> RateStatus:
        """Replace a state, in this process alone while Redis fails."""
        if self._clock() < self._away_until:
            return await self._local.change(key, change)
        try:
            rate_status = await self._change(f"{self._prefix}pacing:{key}", change)
        except (RedisError, OSError, TimeoutError) as error:
            self._note_failure(error)
            return await self._local.change(key, change)
        if self._failing:
            self._failing = False
            _LOG.info("Redis is back: upstream calls are paced together with other processes again.")
        return rate_status

    async def _change(self, key: str, change: RateChange) -> RateStatus:
        """Try until nobody else was faster; each failed attempt is another process's success."""
        _, current, now = await self._replace(key, b"", b"")
        while True:
            before = _state_in(current)
            after, rate_status = change(before, now)
            if after is before:
                return rate_status
            replaced, current, now = await self._replace(key, current, msgspec.json.encode(after))
            if replaced:
                return rate_status

    async def _replace(self, key: str, expected: bytes, wanted: bytes) -> tuple[bool, bytes, float]:
        replaced, current, now = await self._script(keys=[key], args=[expected, wanted, KEPT_SECONDS])
        return bool(replaced), current, float(now)

    def _note_failure(self, error: Exception) -> None:
        self.failures += 1
        self._away_until = self._clock() + AWAY_SECONDS
        if not self._failing:
            self._failing = True
            _LOG.warning("Redis failed (%s): each process paces its upstream calls alone until it is back.", error)


def _state_in(value: bytes) -> RateState:
    """The state; a value that another release wrote is as good as none."""
    try:
        return _DECODER.decode(value) if value else UNKNOWN
    except msgspec.MsgspecError:
        return UNKNOWN
