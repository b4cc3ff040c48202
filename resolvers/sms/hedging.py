"""When a read that one SMS data centre is slow to answer goes to the next one as well."""

from collections import defaultdict

from resolvers.latency_window import LatencyWindow


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
