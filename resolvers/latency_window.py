"""How long the last calls took, and what most of them stay below."""

from collections import deque
from typing import Final

SIZE: Final = 100
LEAST_SAMPLES: Final = 20
"""Fewer say nothing about the slowest of twenty."""

REFRESHED_EVERY: Final = 10
"""Samples between two computations of the percentile."""


class LatencyWindow:
    """Remembers the last durations; account lifetime."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=SIZE)
        self._new_samples = 0
        self._percentile: float | None = None

    def add(self, seconds: float) -> None:
        """Note how long a call took."""
        self._seconds.append(seconds)
        self._new_samples += 1
        if len(self._seconds) >= LEAST_SAMPLES and (self._percentile is None or self._new_samples >= REFRESHED_EVERY):
            self._percentile = sorted(self._seconds)[int(len(self._seconds) * 0.95)]
            self._new_samples = 0

    @property
    def percentile_95(self) -> float | None:
        """Seconds that 19 of 20 calls stayed below; None before there are enough samples."""
        return self._percentile
