"""A limit on how many calls one upstream gets at once; the rest wait, within their deadlines."""

import asyncio
from collections import deque
from collections.abc import Callable

from resolvers.errors import UpstreamTimeout
from resolvers.upstreams.call import Answer, Call, Transport


class TurnedBack(Exception):
    """A call that waited for a place shall ask the policy outside once more; never leaves the policies."""


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
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._turns_back = 0

    async def send(self, call: Call) -> Answer:
        """Send once there is a place.

        Raises:
            UpstreamTimeout: none came free before the deadline.
            TurnedBack: `turn_back` was called meanwhile.
        """
        if self._free > 0:
            self._free -= 1
        else:
            await self._wait_for_place(call)
        try:
            return await self._inner.send(call)
        finally:
            self._give_place_back()

    def turn_back(self) -> None:
        """Send those who wait back to the policy outside: they came before it knew better."""
        self._turns_back += 1
        waiting, self._waiting = self._waiting, deque()
        for place in waiting:
            if not place.done():
                place.set_result(False)

    async def _wait_for_place(self, call: Call) -> None:
        """A place is handed over directly, so that nobody can slip in between.

        One timer on the future is all it takes: a timeout context for each call would cost more than the policies do.
        """
        loop = asyncio.get_running_loop()
        place: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(place)
        turns_back = self._turns_back
        timer = loop.call_later(max(0.0, call.deadline - self._clock()), _expire, place)
        try:
            is_given = await place
        except TimeoutError as error:
            self._leave(place)
            message = f"{call.upstream.name} had no free connection for {call.operation} in time; try again later."
            raise UpstreamTimeout(call.upstream, message) from error
        except asyncio.CancelledError:
            self._give_up(place)
            raise
        finally:
            timer.cancel()
        if self._turns_back != turns_back:
            if is_given:
                self._give_place_back()
            raise TurnedBack

    def _give_up(self, place: "asyncio.Future[bool]") -> None:
        """Give back the place that came in the same moment, or wait for none any more."""
        if place.done() and not place.cancelled() and place.exception() is None:
            if place.result():
                self._give_place_back()
        else:
            self._leave(place)

    def _leave(self, place: "asyncio.Future[bool]") -> None:
        if place in self._waiting:
            self._waiting.remove(place)

    def _give_place_back(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(True)
                return
        self._free += 1


def _expire(place: "asyncio.Future[bool]") -> None:
    if not place.done():
        place.set_exception(TimeoutError())
