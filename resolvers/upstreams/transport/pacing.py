"""Keeps calls below their upstream's limit: they wait for their turn instead of being refused.

Written by hand: aiolimiter's rate is fixed, its queue knows no deadlines, and its bucket cannot be shared.
"""

from typing import Final

from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.concurrency import ConcurrencyLimit, TurnedBack
from resolvers.upstreams.transport.pacing_gate import Gate, GateParts
from resolvers.upstreams.transport.rate_headers import pause_of, remaining_of

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
