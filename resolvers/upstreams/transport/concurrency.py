"""A limit on how many calls one upstream gets at once; the rest wait, within their deadlines."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from resolvers.errors import UpstreamTimeout
from resolvers.upstreams.call import Answer, Call, Transport
from resolvers.upstreams.transport.chain import lead

_FIRST_REFUSAL: Final = 400
"""From this status on, the policies outside see the answer first: they may turn back those who wait."""

SWEEP_SECONDS: Final = 0.05
"""Of many who run out of time one after the other, each is told this much late at most."""


class TurnedBack(Exception):
    """A call that waited for a place shall ask the policy outside once more; never leaves the policies."""


class _Waiting(msgspec.Struct, eq=False):
    """A call that waits for a place, and from then on for its answer; lives until that is there.

    Args:
        call: What waits.
        answer: What is waited for, both times.
        sent: The call in flight; None while there is no place for it.
    """

    call: Call
    answer: "asyncio.Future[Answer]"
    sent: "asyncio.Future[Answer] | None" = None

    def give_up(self) -> bool:
        """Wait no longer; answers whether there was a place."""
        if self.sent is None:
            return False
        self.sent.cancel()
        return True


class ConcurrencyLimit:
    """Lets so many calls through at once, first come first served; process lifetime.

    A place is handed over by sending the next call at once: no other call can take it in between, and the waiting task
    is woken once, when the answer is there.

    Args:
        inner: The next transport.
        limit: How many calls may be in flight at once.
        clock: The event loop's clock, in seconds.
    """

    def __init__(self, inner: Transport, limit: int, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._free = limit
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._next_sweep = 0.0

    async def send(self, call: Call) -> Answer:
        """Send once there is a place.

        Raises:
            UpstreamTimeout: none came free before the deadline.
            TurnedBack: `turn_back` was called meanwhile.
        """
        waiting = None
        if self._free > 0:
            self._free -= 1
        else:
            waiting = self._join_queue(call)
        try:
            answer = await (self._inner.send(call) if waiting is None else waiting.answer)
        except BaseException:
            if waiting is None or waiting.give_up():
                self._give_place_back()
            raise
        if answer.status < _FIRST_REFUSAL:
            self._give_place_back()
        else:
            self._loop.call_soon(self._give_place_back)
        return answer

    def turn_back(self) -> None:
        """Send those who wait back to the policy outside: they came before it knew better."""
        waiting, self._waiting = self._waiting, deque()
        for one in waiting:
            if not one.answer.done():
                one.answer.set_exception(TurnedBack())

    def _join_queue(self, call: Call) -> _Waiting:
        waiting = _Waiting(call, self._loop.create_future())
        self._waiting.append(waiting)
        if self._timer is None or call.deadline < self._next_sweep:
            self._sweep_at(call.deadline)
        return waiting

    def _give_place_back(self) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if waiting.answer.done():
                continue
            try:
                waiting.sent = lead(self._inner.send(waiting.call), waiting.answer)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the waiting one's to handle
                waiting.answer.set_exception(error)
            else:
                return
        self._free += 1

    def _sweep_at(self, moment: float) -> None:
        """One timer does for all who wait: one for each would cost more than the policies do."""
        if self._timer is not None:
            self._timer.cancel()
        self._next_sweep = moment
        seconds = max(0.0, moment - self._clock())
        self._timer = self._loop.call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        """Tell those whose time is up; those who gave up go as well."""
        for waiting in self._waiting:
            if waiting.call.deadline <= self._next_sweep and not waiting.answer.done():
                waiting.answer.set_exception(_out_of_time(waiting.call))
        self._waiting = deque(waiting for waiting in self._waiting if not waiting.answer.done())
        self._timer = None
        if self._waiting:
            first = min(waiting.call.deadline for waiting in self._waiting)
            self._sweep_at(max(first, self._next_sweep + SWEEP_SECONDS))


def _out_of_time(call: Call) -> UpstreamTimeout:
    message = f"{call.upstream.name} had no free connection for {call.operation} in time; try again later."
    return UpstreamTimeout(call.upstream, message)
