"""Counts the calls to upstreams, and how long they take."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from resolvers.upstreams.call import Call
from resolvers.upstreams.names import UpstreamName

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
"""Seconds; the last is what an operation may take unless set otherwise."""


class CallMetrics:
    """Is told of every call once it is over; lives as long as its process.

    An operation is the vendor's in our words, never a path: paths hold ids, and some of them secrets.

    Args:
        registry: Where the metrics are read.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        by_operation = ("upstream", "operation")
        self._ended = Counter(
            "gateway_upstream_calls",
            "Calls to upstreams, by the answer's status or the error's code.",
            (*by_operation, "outcome"),
            registry=registry,
        )
        self._tries = Counter(
            "gateway_upstream_tries",
            "Requests that these calls sent, retries among them.",
            by_operation,
            registry=registry,
        )
        self._seconds = Histogram(
            "gateway_upstream_call_seconds",
            "What calls took in all: waits, tries and the pauses between them.",
            by_operation,
            registry=registry,
            buckets=BUCKETS,
        )
        self._of_operation: dict[tuple[UpstreamName, str], tuple[Counter, Histogram]] = {}
        self._of_outcome: dict[tuple[UpstreamName, str, int | str], Counter] = {}

    def observe(self, call: Call, outcome: int | str, seconds: float) -> None:
        """Count a call that is over."""
        operation = (call.upstream, call.operation)
        known = self._of_operation.get(operation) or self._first_of(operation)
        ended = self._of_outcome.get((*operation, outcome)) or self._first_with(operation, outcome)
        tries, histogram = known
        tries.inc(call.tries)
        histogram.observe(seconds)
        ended.inc()

    def _first_of(self, operation: tuple[UpstreamName, str]) -> tuple[Counter, Histogram]:
        labels = (operation[0].value, operation[1])
        known = self._of_operation[operation] = (self._tries.labels(*labels), self._seconds.labels(*labels))
        return known

    def _first_with(self, operation: tuple[UpstreamName, str], outcome: int | str) -> Counter:
        counter = self._ended.labels(operation[0].value, operation[1], str(outcome))
        self._of_outcome[*operation, outcome] = counter
        return counter
