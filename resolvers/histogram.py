"""A histogram in plain numbers, which costs less than a metric object does."""

import time
from bisect import bisect_left
from typing import Final, TypeAlias

import msgspec

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
"""Upper bounds in seconds; the last is the default deadline of an operation."""

HTTP_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds in seconds that OpenTelemetry's conventions advise for the durations of HTTP requests."""

Example: TypeAlias = tuple[str, float, float]
"""The id of a trace, the value that belongs to it, and when that was added, in seconds since 1970."""


class Histogram(msgspec.Struct):
    """How often values fell into each interval; process lifetime.

    Args:
        bounds: Upper bounds of the intervals, ascending; a last one without a bound is added.
        total: Sum of the values.
        counts: Number of values in each interval.
        examples: The last value in each interval that belonged to a trace.
    """

    bounds: tuple[float, ...] = SECONDS
    total: float = 0.0
    # msgspec makes a new list and a new dict of these defaults for each histogram.
    counts: list[int] = []
    examples: dict[int, Example] = {}

    def __post_init__(self) -> None:
        """Start with empty intervals."""
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, value: float, trace_id: str = "") -> None:
        """Count a value, which belongs to a trace if one is given."""
        self.total += value
        interval = bisect_left(self.bounds, value)
        self.counts[interval] += 1
        if trace_id:
            self.examples[interval] = (trace_id, value, time.time())

    def merge(self, other: "Histogram") -> None:
        """Add the values of another with the same bounds."""
        self.total += other.total
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
