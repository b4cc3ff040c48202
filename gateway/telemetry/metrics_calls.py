"""Counts the calls to upstreams, and how long they take: in plain numbers, which become metrics when somebody asks."""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from typing import Final, TypeAlias

import msgspec
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from resolvers.upstreams.call import Call
from resolvers.upstreams.names import UpstreamName

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
"""Seconds; the last is what an operation may take unless set otherwise."""

Labels: TypeAlias = list[str]


class Counts(msgspec.Struct):
    """Calls of one operation that ended alike; process lifetime.

    Args:
        calls: How many.
        tries: Requests that they sent.
        seconds: What they took together.
        buckets: How many took no longer than each bound and longer than the one before; the last has no bound.
    """

    calls: int = 0
    tries: int = 0
    seconds: float = 0.0
    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS) + 1))

    def add(self, other: "Counts") -> None:
        """Count those of another as well."""
        self.calls += other.calls
        self.tries += other.tries
        self.seconds += other.seconds
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]


class CallMetrics(Collector):
    """Is told of every call once it is over; process lifetime.

    An operation is the vendor's in our words, never a path: paths hold ids, and some of them secrets.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[UpstreamName, str, int | str], Counts] = {}

    def observe(self, call: Call, outcome: int | str, seconds: float) -> None:
        """Count a call that is over."""
        key = (call.upstream, call.operation, outcome)
        counts = self._counts.get(key) or self._counts.setdefault(key, Counts())
        counts.calls += 1
        counts.tries += call.tries
        counts.seconds += seconds
        counts.buckets[bisect_left(BUCKETS, seconds)] += 1

    def collect(self) -> Iterable[Metric]:
        """The counts as metrics."""
        by_operation = ["upstream", "operation"]
        calls = CounterMetricFamily(
            "gateway_upstream_calls",
            "Calls to upstreams, by the answer's status or the error's code.",
            labels=[*by_operation, "outcome"],
        )
        for (upstream, operation, outcome), counts in self._counts.items():
            calls.add_metric([upstream.value, operation, str(outcome)], counts.calls)
        tries = CounterMetricFamily(
            "gateway_upstream_tries", "Requests that these calls sent, retries among them.", labels=by_operation
        )
        seconds = HistogramMetricFamily(
            "gateway_upstream_call_seconds",
            "What calls took in all: waits, tries and the pauses between them.",
            labels=by_operation,
        )
        for labels, counts in self._by_operation():
            tries.add_metric(labels, counts.tries)
            seconds.add_metric(labels, _cumulative(counts), counts.seconds)
        return [calls, tries, seconds]

    def _by_operation(self) -> Iterable[tuple[Labels, Counts]]:
        totals: dict[tuple[UpstreamName, str], Counts] = {}
        for (upstream, operation, _), counts in self._counts.items():
            totals.setdefault((upstream, operation), Counts()).add(counts)
        return [([upstream.value, operation], counts) for (upstream, operation), counts in totals.items()]


def _cumulative(counts: Counts) -> list[tuple[str, float]]:
    bounds = [*map(str, BUCKETS), "+Inf"]
    return list(zip(bounds, map(float, accumulate(counts.buckets)), strict=True))
