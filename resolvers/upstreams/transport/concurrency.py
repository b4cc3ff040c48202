"""A limit on how many calls one upstream gets at once; the rest wait, within their deadlines."""

import asyncio
from collections import deque
from collections.abc import Callable

from resolvers.errors import UpstreamTimeout
from resolvers.upstreams.call import Answer, Call, Transport


class ConcurrencyLimit:
    """Lets so many calls through at once, first come first served; lives as long as its process.

    Args:
        inner: The next transport.
        limit: How many calls may be on their way at once.
        clock: The event loop's clock, in seconds.
    """

    def __init__(self, inner: Transport, limit: int, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._free = limit
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def send(self, call: Call) -> Answer:
        """Send once there is a place.

        Raises:
            UpstreamTimeout: none came free before the deadline.
        """
        if self._free > 0:
            self._free -= 1
        else:
            await self._wait_for_place(call)
        try:
            return await self._inner.send(call)
        finally:
            self._give_place_back()

    async def _wait_for_place(self, call: Call) -> None:
        """A place is handed over directly, so that nobody can slip in between."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(max(0.0, call.deadline - self._clock())):
                await place
        except (TimeoutError, asyncio.CancelledError) as error:
            self._give_up(place)
            if isinstance(error, asyncio.CancelledError):
                raise
            message = f"{call.upstream.name} had no free connection for {call.operation} in time; try again later."
            raise UpstreamTimeout(call.upstream, message) from error

    def _give_up(self, place: "asyncio.Future[None]") -> None:
        if place.done() and not place.cancelled():
            self._give_place_back()
        elif place in self._waiting:
            self._waiting.remove(place)

    def _give_place_back(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
