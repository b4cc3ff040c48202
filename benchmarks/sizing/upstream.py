"""The upstream of a simulation: a logistics API with a rate limit, which counts what it is asked."""

import asyncio
from collections import Counter, deque
from random import Random
from typing import Final

import orjson

from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.rate_state import BURST_SECONDS

BASE: Final = "http://upstream.invalid"
WINDOW_SECONDS: Final = 1.0

_STATUSES: Final = ("accepted", "pending_pickup", "pickup_arriving", "pending_delivery", "delivery_arriving")


class SimulatedUpstream:
    """Answers each task after a while, and refuses what is above its rate; lifetime of the simulation.

    Args:
        loop: The loop in virtual time.
        rate_per_second: Calls that it takes in a second, besides those that pacing may save up before.
        chance: Decides how long an answer takes: 30 ms in the median.

    Attributes:
        calls: How many it was asked.
        refused: How many of them it refused.
        reads: How often each task was read.
        most: The most calls in one second.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, rate_per_second: float, chance: Random) -> None:
        self._loop = loop
        self._limit = (1 + BURST_SECONDS) * rate_per_second + 1
        self._chance = chance
        self._changes: Counter[str] = Counter()
        self._changed_at: dict[str, float] = {}
        self._window: deque[float] = deque()
        self.calls = 0
        self.refused = 0
        self.most = 0
        self.reads: Counter[str] = Counter()

    def change(self, task_id: str) -> None:
        """Let a task go on to another status."""
        self._changes[task_id] += 1
        self._changed_at[task_id] = self._loop.time()

    def changed_at(self, task_id: str) -> float:
        """Return when a task changed last."""
        return self._changed_at[task_id]

    async def send(self, call: Call) -> Answer:
        """Answer a call."""
        self._count()
        if len(self._window) > self._limit:
            self.refused += 1
            return Answer(429, {"retry-after": "1"}, b"")
        await asyncio.sleep(self._chance.lognormvariate(-3.5, 0.5))
        task_id = call.url.rpartition("/")[2]
        self.reads[task_id] += 1
        changes = self._changes[task_id]
        status = _STATUSES[changes % len(_STATUSES)]
        return Answer(200, {}, orjson.dumps({"id": task_id, "current_status": status}))

    def _count(self) -> None:
        now = self._loop.time()
        self.calls += 1
        self._window.append(now)
        while self._window[0] <= now - WINDOW_SECONDS:
            self._window.popleft()
        self.most = max(self.most, len(self._window))
