"""What the policies found out about one address of an upstream; read by `upstreams { state }`, asked of nobody."""

from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import Final

import msgspec

REMEMBERED_IDENTITIES: Final = 10_000
"""Callers may bring credentials of their own, so the number of identities has no bound of its own."""


class Condition(Enum):
    """How an address of an upstream is doing; `UNASKED` says nothing about it."""

    UNASKED = "UNASKED"
    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    UNAVAILABLE = "UNAVAILABLE"


class LastError(msgspec.Struct, frozen=True):
    """The code of a failure, and when it was, by the event loop's clock, in seconds."""

    at: float
    code: str


class Pace(msgspec.Struct):
    """What one identity's calls met; times are the event loop's clock, in seconds.

    Args:
        closed_until: No call goes out before.
        learnt: Whether a rate that a 429 taught is in force.
        error: The last refusal of its rate or of its credentials.
    """

    closed_until: float = 0.0
    learnt: bool = False
    error: LastError | None = None


class UpstreamHealth:
    """What is known of one address from the gateway's own calls; process lifetime.

    The breaker writes the attributes, pacing the paces; on trouble only, so that a good call costs next to nothing.

    Args:
        clock: The event loop's clock, in seconds.

    Attributes:
        asked: Whether any call went there.
        probe_at: When the open breaker lets the next call through; None while it is closed.
        failing_until: Until when the failures of late count as trouble.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._error: LastError | None = None
        self._paces: OrderedDict[str, Pace] = OrderedDict()
        self.asked = False
        self.probe_at: float | None = None
        self.failing_until = 0.0

    def note_failure(self, code: str) -> None:
        """Keep the code of a failure that concerns everybody: no answer, or one of 5xx."""
        self._error = LastError(self._clock(), code)

    def note_refusal(self, identity: str, code: str) -> None:
        """Keep the code of a failure that concerns one identity: its rate or its credentials."""
        self.pace_of(identity).error = LastError(self._clock(), code)

    def pace_of(self, identity: str) -> Pace:
        """What pacing holds against an identity, to be read and written."""
        pace = self._paces.get(identity)
        if pace is None:
            pace = self._paces[identity] = Pace()
            if len(self._paces) > REMEMBERED_IDENTITIES:
                self._paces.popitem(last=False)
        return pace

    def condition(self, identity: str) -> Condition:
        """How the address is doing for the calls of one identity.

        An open breaker is UNAVAILABLE until its next probe is due, and DEGRADED from then on: the next call is sent.
        """
        now = self._clock()
        if self.probe_at is not None:
            return Condition.UNAVAILABLE if now < self.probe_at else Condition.DEGRADED
        pace = self._paces.get(identity)
        if now < self.failing_until or (pace is not None and (pace.learnt or now < pace.closed_until)):
            return Condition.DEGRADED
        return Condition.HEALTHY if self.asked else Condition.UNASKED

    def last_error(self, identity: str) -> LastError | None:
        """The last failure that this identity could have met: everybody's or its own."""
        pace = self._paces.get(identity)
        errors = [error for error in (self._error, pace.error if pace is not None else None) if error is not None]
        return max(errors, key=lambda error: error.at, default=None)

    def retry_after(self, identity: str) -> float | None:
        """Seconds until a call of this identity may go out; None where none is held back."""
        pace = self._paces.get(identity)
        until = max(self.probe_at or 0.0, pace.closed_until if pace is not None else 0.0)
        seconds = until - self._clock()
        return seconds if seconds > 0 else None
