"""Keeps calls below their upstream's rate limit: a call waits for its turn instead of being refused.

Theory of operation
-------------------
Each identity at each address has a `Gate`. While nothing is known of a limit the gate is open, and a call passes
without a look at anything shared. An answer of 429 (or a header that says that few calls remain) closes the gate::

    open ---- 429, or none remaining ----> closed until the upstream's time
      ^                                        |
      +--- the limit is forgotten --- paced <--+

While it is closed or paced, calls wait in the order of their deadlines, and one timer lets the next out. A call whose
turn would come after its deadline fails at once with UpstreamRateLimited and the seconds to wait. The pure functions of
`rate_state.py` decide how fast a paced gate lets calls out; `shared_rate.py` keeps their state in this process, or in
Redis, where all processes change it together.

Written by hand: the rate of aiolimiter is fixed, its queue knows no deadlines, and its bucket cannot be shared.
"""

import asyncio
from bisect import bisect, insort
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Final

from resolvers.errors import UpstreamRateLimited
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.concurrency import ConcurrencyLimit, TurnedBack
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

SLICES: Final = 20
"""Into how many slices the longest window is cut; a count is right but for a part of one slice."""


class SlidingCount:
    """Counts in slices of time, of which the oldest fades out; gate lifetime.

    Args:
        seconds: The longest window that can be asked for.
    """

    __slots__ = ("_count", "_older", "_per_second", "_slice")

    def __init__(self, seconds: float) -> None:
        self._per_second = SLICES / seconds
        self._slice = 0
        self._count = 0
        self._older: deque[tuple[int, int]] = deque(maxlen=SLICES)

    def add(self, now: float) -> None:
        """Count one."""
        current = int(now * self._per_second)
        if current != self._slice:
            self._turn_to(current)
        self._count += 1

    def last(self, seconds: float, now: float) -> float:
        """How many there were in the last so many seconds, taking those of the oldest slice as evenly spread."""
        current = int(now * self._per_second)
        if current != self._slice:
            self._turn_to(current)
        first = (now - seconds) * self._per_second
        return self._count + sum(count * max(0.0, min(1.0, at + 1 - first)) for at, count in self._older)

    def _turn_to(self, current: int) -> None:
        self._older.append((self._slice, self._count))
        self._slice = current
        self._count = 0


SHORTEST_WINDOW: Final = 1.0
"""In seconds, the unit of `Retry-After`: what it says of a window is rounded up to it."""


@dataclass(order=True, slots=True)
class _Ticket:
    """A waiting call's place in the queue; lives until it goes or gives up."""

    deadline: float
    number: int
    turn: "asyncio.Future[None] | None" = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class GateParts:
    """What all gates of one address share; process lifetime."""

    rate: SharedRate
    config: PacingConfig
    health: UpstreamHealth
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class Gate:
    """Lets one identity's calls out at the pace its limit allows; process lifetime.

    Attributes:
        restricted: Whether a call has to ask before it goes.
        look_at: When to ask in any case, because another process may have learnt something; None for never.
        in_flight: How many calls are out.
        refusals: How many refusals were known when the next call goes out.
        accepted: The calls that the upstream took of late.
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
        self.look_at = None if parts.rate.look_again_seconds is None else parts.clock()
        self.in_flight = 0
        self.refusals = 0
        self.accepted = SlidingCount(parts.config.window_seconds)

    @property
    def is_unused(self) -> bool:
        """Whether no call is out or waits."""
        return not (self._waiting or self.in_flight)

    async def admit(self, call: Call) -> None:
        """Wait for the call's turn; the first in the queue asks for all.

        Raises:
            UpstreamRateLimited: its turn would come after its deadline.
        """
        ticket = _Ticket(call.deadline, next(self._numbers))
        self._refuse_if_hopeless(call, ahead=bisect(self._waiting, ticket))
        insort(self._waiting, ticket)
        try:
            await self._take_turn(call, ticket)
        finally:
            self._waiting.remove(ticket)
            self._wake_first()

    async def _take_turn(self, call: Call, ticket: _Ticket) -> None:
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
        """Close the gate for a pause in seconds, slow down, and return the seconds until the next call may go.

        Args:
            pause: As the upstream asked, or by default.
            refusals: What `refusals` was when the refused call went out.
            about_rate: Whether the upstream complained about the rate (429).
        """
        self.restricted = True
        config = self._parts.config
        accepted = self._accepted_of_late(pause) if about_rate else None
        refusal = Refusal(min(pause, config.longest_pause), accepted, refusals)
        rate_status = await self._change(partial(refuse, config=config, refusal=refusal))
        if about_rate:
            self._parts.health.note_refusal(self._identity, UpstreamRateLimited.code)
        return rate_status.next_in

    def _accepted_of_late(self, pause: float) -> Accepted:
        """What the upstream took in its window: a pause shorter than ours tells that it counts in a shorter one.

        Not so where hardly anything was taken in the pause's length before: then the longer window is used up.
        """
        window, now = self._parts.config.window_seconds, self._parts.clock()
        shorter = min(window, max(SHORTEST_WINDOW, pause))
        accepted = Accepted(self.accepted.last(shorter, now), shorter)
        return accepted if accepted.is_telling else Accepted(self.accepted.last(window, now), window)

    async def learn_remaining(self, remaining: Remaining) -> None:
        """Send no more calls than the upstream says are left, those under way counted as not yet seen by it.

        While more are left than could be used up at once, there is nothing to learn.
        """
        if remaining.calls > max(2 * self.in_flight, (remaining.limit or 0) // 10):
            return
        config, seconds = self._parts.config, min(remaining.seconds, self._parts.config.longest_pause)
        left = max(0, remaining.calls - self.in_flight)
        await self._change(partial(allow, config=config, allowance=left, seconds=seconds))

    async def _change(self, change: RateChange) -> RateStatus:
        parts = self._parts
        if parts.rate.look_again_seconds is not None:
            self.look_at = parts.clock() + parts.rate.look_again_seconds
        rate_status = await parts.rate.change(self._key, change)
        self.restricted = rate_status.restricted
        self.refusals = rate_status.refusals
        self._per_second = rate_status.per_second
        self._next_at = parts.clock() + rate_status.next_in
        pace = parts.health.pace_of(self._identity)
        pace.learnt = rate_status.learnt
        pace.closed_until = parts.clock() + rate_status.closed_for if rate_status.closed_for > 0 else 0.0
        return rate_status

    def _refuse_if_hopeless(self, call: Call, ahead: int) -> None:
        """The least that the call would wait: until a place is free, and for those before it."""
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
            f"{call.upstream.name} takes only so many calls: {call.operation} would have to wait for {wait:.1f} s, "
            "longer than its operation may take; try again later.",
            retry_after=round(wait, 3),
        )


MOST_GATES: Final = 10_000
"""Callers may bring credentials of their own; beyond this many, gates through which nothing goes make room."""

LOOKED_AT: Final = 100
"""Of the oldest gates, how many are looked at for one that holds nothing back."""


class Pacing:
    """Sends each call through the gate of its identity; process lifetime.

    Args:
        inner: The concurrency limit. Calls that wait there when the gate closes come back to wait at the gate.
        name: Names the address in keys that processes share.
        parts: What the gates are made of.
    """

    def __init__(self, inner: ConcurrencyLimit, name: str, parts: GateParts) -> None:
        self._inner = inner
        self._name = name
        self._parts = parts
        self._clock = parts.clock
        self._gates: dict[str, Gate] = {}
        self._dropped_restricted = False

    async def send(self, call: Call) -> Answer:
        """Send in the call's turn, and learn from the answer how fast the next may follow.

        Raises:
            UpstreamRateLimited: its turn would come after its deadline; nothing was sent.
        """
        gate = self._gates.get(call.identity) or self._open_gate(call.identity)
        while True:
            if gate.restricted or (gate.look_at is not None and self._clock() >= gate.look_at):
                await gate.admit(call)
            refusals = gate.refusals
            gate.in_flight += 1
            try:
                answer = await self._inner.send(call)
            except TurnedBack:
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

    async def _learn_refusal(self, gate: Gate, answer: Answer, refusals: int) -> float | None:
        """Close the gate where the answer asks for that; answers how long it holds calls back then, in seconds."""
        pause = pause_of(answer, self._parts.config.window_seconds)
        if pause is None:
            return None
        self._inner.turn_back()
        return await gate.learn_refusal(pause, refusals, about_rate=answer.status == 429)

    def _open_gate(self, identity: str) -> Gate:
        if len(self._gates) >= MOST_GATES:
            self._make_room()
        gate = self._gates[identity] = Gate(f"{self._name}:{identity}", identity, self._parts)
        # Whether calls are held back is known to the keeper of the rates, which the first of the new gate then asks.
        gate.restricted = gate.restricted or self._dropped_restricted
        return gate

    def _make_room(self) -> None:
        """Drop the oldest gate that holds nothing back; of many that all do, the oldest through which nothing goes."""
        found = None
        for looked_at, (identity, gate) in enumerate(self._gates.items()):
            if gate.is_unused:
                found = found or identity
                if not gate.restricted:
                    found = identity
                    break
            if found is not None and looked_at >= LOOKED_AT:
                break
        if found is not None:
            self._dropped_restricted |= self._gates.pop(found).restricted
