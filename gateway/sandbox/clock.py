"""The clocks of the sandbox: records progress and tokens expire by a clock that can be sped up or advanced.

Theory of operation: simulators never sleep and never schedule. They keep the times at which things happen and compare
them with `Clock.now()`, so moving the clock moves every record. A running clock keeps an anchor, a pair of sandbox time
and real time, and computes `now` from it. A change of speed sets a new anchor, so the time stays continuous.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""The latest time that a clock can be advanced to; simulators add years to the present, and Python ends in 9999."""

MAX_SPEED: Final = 1_000_000
"""The greatest speed, in sandbox seconds per real second: eleven days a second."""


class Clock(Protocol):
    """The time in the sandbox, shared by the simulators; sandbox lifetime."""

    def now(self) -> datetime:
        """Return the current time in the sandbox, aware and in UTC."""
        ...


class AdjustableClock(Clock, Protocol):
    """A clock that can be advanced."""

    @property
    def speed(self) -> float:
        """Sandbox seconds per real second; 0 if only `advance` moves the clock."""
        ...

    def advance(self, seconds: float) -> None:
        """Move the clock forward.

        Args:
            seconds: The sandbox seconds to add, 0 or more.
        """
        ...


class RunningClock:
    """A clock that runs `speed` times as fast as real time; sandbox lifetime.

    Args:
        start: The initial time, aware; the default is the current time.
        speed: Sandbox seconds per real second, 0 or more.
        monotonic: Returns the real time in seconds.

    Raises:
        ValueError: `speed` is negative, or above `MAX_SPEED`.
    """

    def __init__(
        self,
        start: datetime | None = None,
        speed: float = 1.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        # In UTC, because the simulators print it with a literal Z.
        self._base = (start or datetime.now(UTC)).astimezone(UTC)
        self._since = monotonic()
        self._speed = checked_speed(speed)

    def now(self) -> datetime:
        """Return the current time in the sandbox, aware and in UTC."""
        return self._base + timedelta(seconds=(self._monotonic() - self._since) * self._speed)

    @property
    def speed(self) -> float:
        """Sandbox seconds per real second; may be set."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        checked = checked_speed(speed)
        # The time up to now passed at the old speed.
        self._base, self._since = self.now(), self._monotonic()
        self._speed = checked

    def advance(self, seconds: float) -> None:
        """Move the clock forward.

        Args:
            seconds: The sandbox seconds to add, 0 or more.

        Raises:
            ValueError: They are below 0, or lead beyond `LATEST`.
        """
        # From the present, which the speed may have moved far from the base.
        now = self.now()
        self._base += _advanced(now, seconds) - now


class ManualClock:
    """A clock that only moves when it is advanced; test lifetime.

    Args:
        start: The initial time, aware.
    """

    speed = 0.0

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the current time in the sandbox, aware and in UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward.

        Args:
            seconds: The sandbox seconds to add, 0 or more.

        Raises:
            ValueError: They are below 0, or lead beyond `LATEST`.
        """
        self._now = _advanced(self._now, seconds)


def checked_speed(speed: float) -> float:
    """Return a speed that a clock can run at.

    Args:
        speed: Sandbox seconds per real second.

    Raises:
        ValueError: It is below 0 or above `MAX_SPEED`.
    """
    if not 0 <= speed <= MAX_SPEED:
        raise ValueError(f"The sandbox clock cannot run at speed {speed}: give 0 to {MAX_SPEED}.")
    return speed


def _advanced(now: datetime, seconds: float) -> datetime:
    if seconds < 0:
        raise ValueError(f"The sandbox clock cannot go back by {-seconds} seconds: give 0 or more.")
    if not seconds <= (LATEST - now).total_seconds():
        raise ValueError(f"The sandbox clock cannot go on by {seconds} seconds: it ends before {LATEST.year}.")
    return now + timedelta(seconds=seconds)
