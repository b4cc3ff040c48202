"""How many things happened in the last so many seconds, nearly."""

from collections import deque
from typing import Final

SLICES: Final = 20
"""Into how many slices the longest window is cut; a count is right but for a part of one slice."""


class SlidingCount:
    """Counts in slices of time, of which the oldest fades out; lives as long as its gate.

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
