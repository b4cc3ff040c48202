"""When a read that one SMS data centre is slow to answer goes to the next one as well.

Slow is what most of the last calls were faster than.
"""

from collections import defaultdict, deque
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


class SmsHedging:
    """Knows how long each data centre usually takes; account lifetime.

    Args:
        enabled: Whether slow reads are sent to the next data centre at all.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._latencies: defaultdict[int, LatencyWindow] = defaultdict(LatencyWindow)

    def add(self, centre: int, seconds: float) -> None:
        """Note how long a data centre took, or had taken when it was no longer waited for."""
        self._latencies[centre].add(seconds)

    def patience(self, centre: int) -> float | None:
        """Seconds after which a read counts as slow there: its own 95th percentile; None for never."""
        return self._latencies[centre].percentile_95 if self._enabled else None
