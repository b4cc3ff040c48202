"""The health of one address of an upstream, from the gateway's own calls, and shown by `upstreams { state }`."""

from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Final, Literal

import msgspec

MAX_IDENTITIES: Final = 10_000
"""Bounded, because callers may bring credentials of their own, each of which is an identity."""


class Condition(Enum):
    """The condition of an address; `UNASKED` until a call went there."""

    UNASKED = "UNASKED"
    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    UNAVAILABLE = "UNAVAILABLE"


BreakerState = Literal["closed", "open", "half_open"]
"""Whether calls are sent, refused, or the next one is sent as a probe."""


class LastError(msgspec.Struct, frozen=True):
    """A failure.

    Args:
        at: When it was, by the event loop's clock, in seconds.
        code: The code of its error.
    """

    at: float
    code: str


class Pace(msgspec.Struct):
    """How one identity's calls are held back. Lifetime: process. Times are the event loop's clock, in seconds.

    Args:
        closed_until: No call is sent before this.
        learnt: Whether a rate learnt from a 429 is in force.
        per_second: How many calls a second may be sent; None where no limit is known.
        error: The last refusal of its rate or of its credentials.
    """

    closed_until: float = 0.0
    learnt: bool = False
    per_second: float | None = None
    error: LastError | None = None


class UpstreamHealth:
    """The health of one address. Lifetime: process.

    The breaker writes the attributes, pacing writes the paces, both only on trouble, so that a good call costs nothing.

    Args:
        clock: The event loop's clock, in seconds.

    Attributes:
        asked: Whether any call was sent there.
        probe_at: When the open breaker lets the next call through, by the clock; None while it is closed.
        opened_at: When the breaker opened last, by the clock.
        failing_until: Until when recent failures count as trouble, by the clock.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._error: LastError | None = None
        self._paces: OrderedDict[str, Pace] = OrderedDict()
        self.asked = False
        self.probe_at: float | None = None
        self.opened_at = 0.0
        self.failing_until = 0.0

    def note_failure(self, code: str) -> None:
        """Keep the code of a failure that concerns every identity: no answer, or a 5xx."""
        self._error = LastError(self._clock(), code)

    def note_refusal(self, identity: str, code: str) -> None:
        """Keep the code of a failure that concerns one identity: its rate or its credentials."""
        self.pace_of(identity).error = LastError(self._clock(), code)

    def pace_of(self, identity: str) -> Pace:
        """Return the pace of an identity, which pacing writes."""
        pace = self._paces.get(identity)
        if pace is None:
            pace = self._paces[identity] = Pace()
            # The first that came, in use or not: pacing writes a pace anew whenever it asks for its gate's state.
            if len(self._paces) > MAX_IDENTITIES:
                self._paces.popitem(last=False)
        return pace

    @property
    def now(self) -> float:
        """The present, by the event loop's clock, in seconds."""
        return self._clock()

    @property
    def is_learnt(self) -> bool:
        """Whether a rate that was learnt from a 429 is in force for an identity."""
        return any(pace.learnt for pace in self._paces.values())

    @property
    def latest_error(self) -> LastError | None:
        """The last failure, whichever identity it concerns; None where there was none."""
        errors = [self._error, *(pace.error for pace in self._paces.values())]
        return max((error for error in errors if error is not None), key=lambda error: error.at, default=None)

    @property
    def breaker(self) -> BreakerState:
        """The state of the breaker."""
        if self.probe_at is None:
            return "closed"
        return "open" if self._clock() < self.probe_at else "half_open"

    @property
    def per_second(self) -> float:
        """The slowest pace of an identity, in calls a second, as of its last call; infinite where none is known."""
        return min((pace.per_second for pace in self._paces.values() if pace.per_second is not None), default=inf)

    @property
    def closed_for(self) -> float:
        """For how many seconds the calls of an identity are still held back at most."""
        until = max((pace.closed_until for pace in self._paces.values()), default=0.0)
        return max(0.0, until - self._clock())

    def condition(self, identity: str) -> Condition:
        """Return the condition of the address for the calls of one identity."""
        now = self._clock()
        # An open breaker is DEGRADED once its probe is due, because the next call is then sent.
        if self.probe_at is not None:
            return Condition.UNAVAILABLE if now < self.probe_at else Condition.DEGRADED
        pace = self._paces.get(identity)
        if now < self.failing_until or (pace is not None and (pace.learnt or now < pace.closed_until)):
            return Condition.DEGRADED
        return Condition.HEALTHY if self.asked else Condition.UNASKED

    def last_error(self, identity: str) -> LastError | None:
        """Return the last failure that concerns this identity; None where there was none."""
        pace = self._paces.get(identity)
        errors = [error for error in (self._error, pace.error if pace is not None else None) if error is not None]
        return max(errors, key=lambda error: error.at, default=None)

    def retry_after(self, identity: str) -> float | None:
        """Return the seconds until a call of this identity may be sent; None where none is held back."""
        pace = self._paces.get(identity)
        # The later of the two, because each holds calls back by itself.
        until = max(self.probe_at or 0.0, pace.closed_until if pace is not None else 0.0)
        seconds = until - self._clock()
        return seconds if seconds > 0 else None
