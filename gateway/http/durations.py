"""How long requests to the endpoint took, by what OpenTelemetry's conventions for HTTP distinguish."""

from typing import Final

from resolvers.histogram import HTTP_SECONDS, Histogram

KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})

OTHER_METHOD: Final = "_OTHER"
"""Stands for all other methods, which clients choose as they like; the word is of the conventions."""

_SHORT: Final = HTTP_SECONDS[0]


class RequestDurations:
    """Measures requests that got their whole response at once. Lifetime: process.

    Attributes:
        by_outcome: Their durations in seconds, by method and status.
    """

    def __init__(self) -> None:
        self.by_outcome: dict[tuple[str, int], Histogram] = {}

    def add(self, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        histogram = self.by_outcome.get((method, status))
        if histogram is None:
            known = method if method in KNOWN_METHODS else OTHER_METHOD
            histogram = self.by_outcome.setdefault((known, status), Histogram(HTTP_SECONDS))
        if seconds > _SHORT:
            histogram.add(seconds)
        else:
            # Answers from the cache, which another call and the search for their interval would make slower by 1 %.
            histogram.total += seconds
            histogram.counts[0] += 1
