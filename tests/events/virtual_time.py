"""Time that passes only when a test says so."""

import asyncio
import heapq
import time
from datetime import UTC, datetime, timedelta
from itertools import count

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SETTLING_TURNS = 60


class VirtualTime:
    """A wall clock, a monotonic clock and a sleep that move together; lives as long as a test."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def clock(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.seconds + seconds, next(self._numbers), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking each sleeper at its moment and letting it do what it wants to do then."""
        until = self.seconds + seconds
        await settled()
        while self._sleepers and self._sleepers[0][0] <= until:
            self.seconds, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await settled()
        self.seconds = until


class RealTime:
    """Time as it passes, for what waits on sockets."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def clock(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def settled() -> None:
    """Let everything run that waits for nothing outside the event loop."""
    for _ in range(SETTLING_TURNS):
        await asyncio.sleep(0)
