"""Counts what happened lately, by which pacing knows what an upstream has accepted."""

from collections import deque
from typing import Final

SLICES: Final = 20
"""In the longest window; a count is exact but for a part of one slice."""


class SlidingCount:
    """Counts in slices of time, of which the oldest counts in part. Lifetime: that of its gate.

    Args:
        seconds: The longest window that can be counted.
    """

    __slots__ = ("_count", "_older", "_per_second", "_slice")

    def __init__(self, seconds: float) -> None:
        self._per_second = SLICES / seconds
        self._slice = 0
        self._count = 0
        self._older: deque[tuple[int, int]] = deque(maxlen=SLICES)

    def add(self, now: float) -> None:
        """Count one at `now`, in seconds."""
        current = int(now * self._per_second)
        if current != self._slice:
            self._turn_to(current)
        self._count += 1

    def last(self, seconds: float, now: float) -> float:
        """Return the count of the last `seconds`, with those of the oldest slice taken as evenly spread over it."""
        current = int(now * self._per_second)
        if current != self._slice:
            self._turn_to(current)
        first = (now - seconds) * self._per_second
        return self._count + sum(count * max(0.0, min(1.0, at + 1 - first)) for at, count in self._older)

    def _turn_to(self, current: int) -> None:
        self._older.append((self._slice, self._count))
        self._slice = current
        self._count = 0
