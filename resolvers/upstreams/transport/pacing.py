"""Keeps calls below their upstream's rate limit: a call waits for its turn instead of being refused.

Theory of operation
-------------------
Each identity at each address has a `Gate`. While no limit is known the gate is open, and a call passes without reading
anything shared. An answer of 429, or a header that says that few calls remain, closes the gate::

    open ---- 429, or none remaining ----> closed until the upstream's time
      ^                                        |
      +--- the limit is forgotten --- paced <--+

While it is closed or paced, calls wait in the order of their deadlines, and the first of them sleeps until the next may
be sent. A call whose turn would come after its deadline fails at once with UpstreamRateLimited and the seconds to wait.
The pure functions of `rate_state.py` decide how fast a paced gate sends; `shared_rate.py` stores their state in this
process, or in Redis, where all processes change it together.

Written by hand because the rate of aiolimiter is fixed, its queue knows no deadlines, and its bucket cannot be shared.
"""

import asyncio
from bisect import bisect, insort
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Final

from resolvers.errors import UpstreamRateLimited
from resolvers.histogram import Histogram
from resolvers.upstreams.call import Answer, Call, Mark
from resolvers.upstreams.transport.concurrency import ConcurrencyLimit, Requeued
from resolvers.upstreams.transport.health import UpstreamHealth
from resolvers.upstreams.transport.rate_state import (
    Accepted,
    PacingConfig,
    RateStatus,
    Refusal,
    Remaining,
    allow,
    pause_of,
    refuse,
    remaining_of,
    take,
)
from resolvers.upstreams.transport.shared_rate import RateChange, SharedRate
from resolvers.upstreams.transport.sliding_count import SlidingCount

SHORTEST_WINDOW: Final = 1.0
"""In seconds: the unit of `Retry-After`, to which upstreams round up."""


@dataclass(order=True, slots=True)
class _Ticket:
    """A waiting call in the queue. Lifetime: until the call is sent or cancelled."""

    deadline: float
    # Keeps calls with the same deadline in the order of their arrival.
    number: int
    turn: "asyncio.Future[None] | None" = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class GateParts:
    """What all gates of one address share. Lifetime: process."""

    rate: SharedRate
    config: PacingConfig
    health: UpstreamHealth
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class Gate:
    """Sends one identity's calls at the pace that its limit allows. Lifetime: process.

    Args:
        key: The address and the identity, in the store of rates.
        identity: The identity, in the health of the address.
        parts: What all gates of the address share.

    Attributes:
        restricted: Whether a call has to be admitted before it is sent.
        recheck_at: When, by the event loop's clock, a call has to be admitted in any case, because another process may
            have learnt a limit; None for never.
        in_flight: The number of calls that are sent and not answered.
        refusals: The number of refusals known so far.
        accepted: The calls that the upstream accepted lately.
    """

    def __init__(self, key: str, identity: str, parts: GateParts) -> None:
        self._key = key
        self._identity = identity
        self._parts = parts
        self._waiting: list[_Ticket] = []
        self._numbers = count()
        self._next_at = 0.0
        self._per_second = parts.config.rate_per_second
        self.restricted = self._per_second is not None
        self.recheck_at = None if parts.rate.recheck_seconds is None else parts.clock()
        self.in_flight = 0
        self.refusals = 0
        self.accepted = SlidingCount(parts.config.window_seconds)

    @property
    def is_unused(self) -> bool:
        """Whether no call is in flight or waits."""
        return not (self._waiting or self.in_flight)

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return len(self._waiting)

    async def admit(self, call: Call) -> None:
        """Wait for the call's turn.

        Raises:
            UpstreamRateLimited: its turn would come after its deadline.
        """
        ticket = _Ticket(call.deadline, next(self._numbers))
        # Before it waits at all, because its client then has time left for something else.
        self._refuse_if_hopeless(call, ahead=bisect(self._waiting, ticket))
        insort(self._waiting, ticket)
        try:
            await self._take_turn(call, ticket)
        finally:
            # Also when it is cancelled or refused: the next in the queue is now the first, and has to ask.
            self._waiting.remove(ticket)
            self._wake_first()

    async def _take_turn(self, call: Call, ticket: _Ticket) -> None:
        # Only the first in the queue reads the shared state, so that Redis is asked once for all that wait.
        while True:
            while self._waiting[0] is not ticket:
                ticket.turn = asyncio.get_running_loop().create_future()
                await ticket.turn
            rate_status = await self._change(partial(take, config=self._parts.config))
            if rate_status.wait <= 0:
                return
            self._refuse_past_deadline(call, rate_status.wait)
            await self._parts.sleep(rate_status.wait)

    def _wake_first(self) -> None:
        if self._waiting:
            turn = self._waiting[0].turn
            if turn is not None and not turn.done():
                turn.set_result(None)

    async def learn_refusal(self, pause: float, refusals: int, *, about_rate: bool) -> float:
        """Close the gate, slow down, and return the seconds until the next call may be sent.

        Args:
            pause: Seconds, as the upstream asked, or by default.
            refusals: The value of `refusals` when the refused call was sent.
            about_rate: Whether the refusal is about the rate (429).
        """
        self.restricted = True
        config = self._parts.config
        accepted = self._recently_accepted(pause) if about_rate else None
        refusal = Refusal(min(pause, config.max_pause), accepted, refusals)
        rate_status = await self._change(partial(refuse, config=config, refusal=refusal))
        if about_rate:
            self._parts.health.note_refusal(self._identity, UpstreamRateLimited.code)
        return rate_status.next_in

    def _recently_accepted(self, pause: float) -> Accepted:
        """Return what the upstream accepted in its window, which is estimated from the pause that it asks for."""
        window, now = self._parts.config.window_seconds, self._parts.clock()
        # A pause shorter than the configured window means that the upstream counts in a shorter one; unless hardly
        # anything was accepted in that time, and so the longer window is used up.
        shorter = min(window, max(SHORTEST_WINDOW, pause))
        accepted = Accepted(self.accepted.last(shorter, now), shorter)
        return accepted if accepted.is_significant else Accepted(self.accepted.last(window, now), window)

    async def learn_remaining(self, remaining: Remaining) -> None:
        """Send no more calls than the upstream says are left.

        Args:
            remaining: What it says in an answer.
        """
        # While more are left than could be used up at once, the shared state need not know.
        if remaining.calls > max(2 * self.in_flight, (remaining.limit or 0) // 10):
            return
        config, seconds = self._parts.config, min(remaining.seconds, self._parts.config.max_pause)
        # The upstream may not have counted the calls in flight yet.
        left = max(0, remaining.calls - self.in_flight)
        await self._change(partial(allow, config=config, allowance=left, seconds=seconds))

    async def _change(self, change: RateChange) -> RateStatus:
        parts = self._parts
        if parts.rate.recheck_seconds is not None:
            # Before the store answers, so that the other calls of this time do not all ask it as well.
            self.recheck_at = parts.clock() + parts.rate.recheck_seconds
        rate_status = await parts.rate.change(self._key, change)
        self.restricted = rate_status.restricted
        self.refusals = rate_status.refusals
        self._per_second = rate_status.per_second
        self._next_at = parts.clock() + rate_status.next_in
        pace = parts.health.pace_of(self._identity)
        pace.learnt = rate_status.learnt
        pace.per_second = rate_status.per_second
        pace.closed_until = parts.clock() + rate_status.closed_for if rate_status.closed_for > 0 else 0.0
        return rate_status

    def _refuse_if_hopeless(self, call: Call, ahead: int) -> None:
        """Raise UpstreamRateLimited if the least that the call would wait, behind `ahead` others, is too long."""
        wait = max(0.0, self._next_at - self._parts.clock())
        if self._per_second is not None:
            wait += ahead / self._per_second
        if wait > 0:
            self._refuse_past_deadline(call, wait)

    def _refuse_past_deadline(self, call: Call, wait: float) -> None:
        if self._parts.clock() + wait < call.may_wait_until:
            return
        self._parts.health.note_refusal(self._identity, UpstreamRateLimited.code)
        raise UpstreamRateLimited(
            call.upstream,
            f"{call.upstream.name} takes only so many calls: to {call.purpose} would have to wait for {wait:.1f} s, "
            "longer than its operation may take; try again later.",
            retry_after=round(wait, 3),
        )


MAX_GATES: Final = 10_000
"""Bounded, because callers may bring credentials of their own. Unused gates make room."""

SEARCHED_GATES: Final = 100
"""How many of the oldest gates are searched for an open one, which is lost at no cost."""


class Pacing:
    """Sends each call through the gate of its identity. Lifetime: process.

    Args:
        inner: The concurrency limit. Calls that wait there when a gate closes are requeued to wait at their gate.
        name: The upstream and its address, in keys that processes share.
        parts: What all gates share.

    Attributes:
        waits: How long calls waited for their turn, in seconds, for each time that they were sent.
    """

    def __init__(self, inner: ConcurrencyLimit, name: str, parts: GateParts) -> None:
        self._inner = inner
        self._name = name
        self._parts = parts
        self._clock = parts.clock
        self._gates: dict[str, Gate] = {}
        self._dropped_restricted = False
        self.waits = Histogram()

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return sum(gate.waiting for gate in self._gates.values())

    async def send(self, call: Call) -> Answer:
        """Send the call in its turn, and learn from the answer how fast the next may follow.

        Raises:
            UpstreamRateLimited: its turn would come after its deadline; nothing was sent.
        """
        gate = self._gates.get(call.identity) or self._open_gate(call.identity)
        while True:
            if gate.restricted or (gate.recheck_at is not None and self._clock() >= gate.recheck_at):
                await self._admit(gate, call)
            else:
                # Nearly every call: its wait of no time is counted without a search for its interval.
                self.waits.counts[0] += 1
            refusals = gate.refusals
            gate.in_flight += 1
            try:
                answer = await self._inner.send(call)
            except Requeued:
                # A refusal closed the gate while the call waited for a slot.
                continue
            finally:
                gate.in_flight -= 1
            if answer.status in {429, 503}:
                call.held_back = await self._learn_refusal(gate, answer, refusals)
                return answer
            gate.accepted.add(self._clock())
            remaining = remaining_of(answer)
            if remaining is not None:
                await gate.learn_remaining(remaining)
            return answer

    async def _admit(self, gate: Gate, call: Call) -> None:
        began = self._clock()
        if call.marks is not None:
            call.marks.append(Mark("pacing", began))
        await gate.admit(call)
        self.waits.add(self._clock() - began)

    async def _learn_refusal(self, gate: Gate, answer: Answer, refusals: int) -> float | None:
        """Close the gate if the answer asks for it, and return the seconds for which calls are held back then."""
        pause = pause_of(answer, self._parts.config.window_seconds)
        if pause is None:
            return None
        # Before the store is asked, which takes a while with Redis: no call that waits for a slot may be sent in it.
        self._inner.requeue()
        return await gate.learn_refusal(pause, refusals, about_rate=answer.status == 429)

    def _open_gate(self, identity: str) -> Gate:
        if len(self._gates) >= MAX_GATES:
            self._make_room()
        gate = self._gates[identity] = Gate(f"{self._name}:{identity}", identity, self._parts)
        # A dropped gate may have been closed. The store still knows, so the first call of a new gate asks there.
        gate.restricted = gate.restricted or self._dropped_restricted
        return gate

    def _make_room(self) -> None:
        """Drop the oldest unused gate that is open, or, if the oldest are all restricted, the first unused of them."""
        found = None
        for searched, (identity, gate) in enumerate(self._gates.items()):
            if gate.is_unused:
                found = found or identity
                if not gate.restricted:
                    found = identity
                    break
            if found is not None and searched >= SEARCHED_GATES:
                break
        if found is not None:
            self._dropped_restricted |= self._gates.pop(found).restricted
