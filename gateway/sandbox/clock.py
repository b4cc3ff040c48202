"""What time it is in the sandbox: records move through their statuses by a clock that can be sped up or set by hand."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells a simulator the time; lives as long as the simulators that share it."""

    def now(self) -> datetime:
        """Return the time in the sandbox, aware and in UTC."""
        ...


class AdjustableClock(Clock, Protocol):
    """A clock that can be moved forward; both of ours can."""

    @property
    def speed(self) -> float:
        """Sandbox seconds that pass in one second of the wall's; 0 where only `advance` moves it."""
        ...

    def advance(self, seconds: float) -> None:
        """Move the clock forward at once.

        Args:
            seconds: How far, 0 or more.
        """
        ...


class RunningClock:
    """A clock that runs `speed` times as fast as the wall's; sandbox lifetime.

    Args:
        start: What it shows at first, aware; the wall's time where left out.
        speed: Sandbox seconds for each second that passes.
        monotonic: The seconds that really pass.
    """

    def __init__(
        self,
        start: datetime | None = None,
        speed: float = 1.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._base = (start or datetime.now(UTC)).astimezone(UTC)
        self._since = monotonic()
        self._speed = _checked_speed(speed)

    def now(self) -> datetime:
        """Return the time in the sandbox, aware and in UTC."""
        return self._base + timedelta(seconds=(self._monotonic() - self._since) * self._speed)

    @property
    def speed(self) -> float:
        """Sandbox seconds that pass in one second of the wall's; may be set."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        checked = _checked_speed(speed)
        self._base, self._since = self.now(), self._monotonic()
        self._speed = checked

    def advance(self, seconds: float) -> None:
        """Move the clock forward at once.

        Args:
            seconds: How far, 0 or more.
        """
        self._base += _checked_step(seconds)


class ManualClock:
    """A clock that stands still until it is advanced; lives as long as a test.

    Args:
        start: What it shows at first, aware.
    """

    speed = 0.0

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the time in the sandbox, aware and in UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward at once.

        Args:
            seconds: How far, 0 or more.
        """
        self._now += _checked_step(seconds)


def _checked_speed(speed: float) -> float:
    if speed < 0:
        raise ValueError(f"The sandbox clock cannot run at speed {speed}: give 0 or more.")
    return speed


def _checked_step(seconds: float) -> timedelta:
    if seconds < 0:
        raise ValueError(f"The sandbox clock cannot go back by {-seconds} seconds: give 0 or more.")
    return timedelta(seconds=seconds)
