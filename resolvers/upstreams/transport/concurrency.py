"""Limits how many calls one upstream gets at once; the others wait for a slot, within their deadlines.

Theory of operation
-------------------
A slot that becomes free is handed over by sending the first waiting call at once: no other call can take it in between,
and the task that waits wakes once, for the answer, and not for the slot as well::

    send --- slot free ------------------------------------> in flight --> answer, slot released
      |                                                          ^
      +----- none free --> waiting --- a slot is released -------+
                             |   `---- deadline passed (one timer for all) --> UpstreamTimeout
                             +-------- `requeue` ----------------------------> Requeued, to the policy outside

Written by hand because `asyncio.Semaphore` needs a timer and two wake-ups for each waiting call.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from resolvers.errors import GatewayError, UpstreamTimeout
from resolvers.histogram import HTTP_SECONDS, Histogram
from resolvers.upstreams.call import Answer, Call, Mark, Transport
from resolvers.upstreams.transport.chain import lead

# From this status on, a slot is released after the policies outside have seen the answer.
_FIRST_REFUSAL: Final = 400

SWEEP_SECONDS: Final = 0.05
"""How late a timeout may be at most, so that many deadlines one after the other share a few timers."""


class Requeued(Exception):
    """A call that waited for a slot must pass the policy outside again; never leaves the policies."""


class _Waiting(msgspec.Struct, eq=False):
    """A call that waits for a slot, and then for its answer. Lifetime: until it has the answer.

    Args:
        call: The call.
        answer: The future that its task awaits.
        since: When it began to wait, in seconds of the event loop's clock.
        sent: The call in flight; None while it has no slot.
        sent_at: When it got its slot, by the same clock.
    """

    call: Call
    answer: "asyncio.Future[Answer]"
    since: float
    sent: "asyncio.Future[Answer] | None" = None
    sent_at: float = 0.0

    def give_up(self) -> bool:
        """Cancel the call, and return whether it had a slot."""
        if self.sent is None:
            return False
        self.sent.cancel()
        return True


class ConcurrencyLimit:
    """Lets up to `limit` calls through at once, first come first served. Lifetime: process.

    Args:
        inner: The next transport.
        limit: How many calls may be in flight at once.
        clock: The event loop's clock, in seconds.

    Attributes:
        waits: How long calls waited for a slot, in seconds; of those that got none, until their deadline.
        requests: How long each request took that was sent, in seconds, by its method and its status or error.
    """

    def __init__(self, inner: Transport, limit: int, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._limit = limit
        self._free = limit
        self.waits = Histogram()
        self.requests: dict[tuple[str, int | str], Histogram] = {}
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._next_sweep = 0.0

    @property
    def in_flight(self) -> int:
        """How many calls have a slot."""
        return self._limit - self._free

    @property
    def waiting(self) -> int:
        """How many calls wait for a slot."""
        return sum(not one.answer.done() for one in self._waiting)

    async def send(self, call: Call) -> Answer:
        """Send when there is a slot.

        Raises:
            UpstreamTimeout: none was released before the deadline.
            Requeued: `requeue` was called while the call waited.
        """
        waiting, began = None, self._clock()
        if self._free > 0:
            self._free -= 1
            # Nearly every call: its wait of no time is counted without a search for its interval.
            self.waits.counts[0] += 1
        else:
            waiting = self._join_queue(call)
        try:
            answer = await (self._inner.send(call) if waiting is None else waiting.answer)
        except BaseException as error:
            # A call that still waits has no slot to release.
            if waiting is None or waiting.give_up():
                self._measure(call, _outcome(error), began if waiting is None else waiting.sent_at)
                self._release_slot()
            raise
        self._measure(call, answer.status, began if waiting is None else waiting.sent_at)
        if answer.status < _FIRST_REFUSAL:
            self._release_slot()
        else:
            # Later, because pacing may requeue the waiting calls after a 429: the next must not be sent before that.
            self._loop.call_soon(self._release_slot)
        return answer

    def requeue(self) -> None:
        """Send the waiting calls back to the policy outside, which has learnt that they must not be sent yet."""
        waiting, self._waiting = self._waiting, deque()
        for one in waiting:
            if not one.answer.done():
                one.answer.set_exception(Requeued())

    def _measure(self, call: Call, outcome: int | str, began: float) -> None:
        key = (call.method, outcome)
        # `get` first, because `setdefault` alone would make a histogram for each call.
        histogram = self.requests.get(key) or self.requests.setdefault(key, Histogram(HTTP_SECONDS))
        histogram.add(self._clock() - began)

    def _join_queue(self, call: Call) -> _Waiting:
        since = self._clock()
        if call.marks is not None:
            call.marks.append(Mark("queue", since))
        waiting = _Waiting(call, self._loop.create_future(), since)
        self._waiting.append(waiting)
        if self._timer is None or call.deadline < self._next_sweep:
            self._sweep_at(call.deadline)
        return waiting

    def _release_slot(self) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            # It timed out or was cancelled, and no sweep has removed it yet.
            if waiting.answer.done():
                continue
            waiting.sent_at = self._clock()
            self.waits.add(waiting.sent_at - waiting.since)
            try:
                waiting.sent = lead(self._inner.send(waiting.call), waiting.answer)
            except Exception as error:  # noqa: BLE001 - any error is the waiting call's to handle
                waiting.answer.set_exception(error)
            else:
                return
        # Only here, because a slot that is handed over is never free.
        self._free += 1

    def _sweep_at(self, moment: float) -> None:
        # One timer for all waiting calls, because one for each would cost more than all policies together.
        if self._timer is not None:
            self._timer.cancel()
        self._next_sweep = moment
        seconds = max(0.0, moment - self._clock())
        self._timer = self._loop.call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        """End the waiting calls whose deadline has passed, and drop those that were cancelled."""
        for waiting in self._waiting:
            if waiting.call.deadline <= self._next_sweep and not waiting.answer.done():
                self.waits.add(self._clock() - waiting.since)
                waiting.answer.set_exception(_out_of_time(waiting.call))
        self._waiting = deque(waiting for waiting in self._waiting if not waiting.answer.done())
        self._timer = None
        if self._waiting:
            first = min(waiting.call.deadline for waiting in self._waiting)
            # Not before `SWEEP_SECONDS`, because each sweep takes time by the length of the queue.
            self._sweep_at(max(first, self._next_sweep + SWEEP_SECONDS))


def _outcome(error: BaseException) -> str:
    return error.code if isinstance(error, GatewayError) else type(error).__name__


def _out_of_time(call: Call) -> UpstreamTimeout:
    message = f"{call.upstream.name} had no free connection to {call.purpose} in time; try again later."
    return UpstreamTimeout(call.upstream, message)
