"""A histogram in plain numbers, which costs less than a metric object does."""

from bisect import bisect_left
from itertools import accumulate
from typing import Final

import msgspec

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
"""Upper bounds in seconds; the last is the default deadline of an operation."""


class Histogram(msgspec.Struct):
    """How often values fell into each interval; process lifetime.

    Args:
        bounds: Upper bounds of the intervals, ascending; a last one without a bound is added.
        total: Sum of the values.
        counts: Number of values in each interval.
    """

    bounds: tuple[float, ...] = SECONDS
    total: float = 0.0
    counts: list[int] = []

    def __post_init__(self) -> None:
        """Start with empty intervals."""
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count a value."""
        self.total += value
        self.counts[bisect_left(self.bounds, value)] += 1

    def merge(self, other: "Histogram") -> None:
        """Add the values of another with the same bounds."""
        self.total += other.total
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """The cumulative counts by upper bound, as Prometheus has them."""
        # Each bucket of Prometheus counts all values up to its bound, those of the buckets below included.
        bounds = [*map(str, self.bounds), "+Inf"]
        return list(zip(bounds, map(float, accumulate(self.counts)), strict=True))
