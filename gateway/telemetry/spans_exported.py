"""How many spans reached the collector, and how many were dropped."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class ExportedSpans(Collector):
    """Counts spans. Lifetime: process.

    Attributes:
        exported: Those that the collector took.
        dropped: Those that it did not take, or that found the queue full.
    """

    def __init__(self) -> None:
        self.exported = 0
        self.dropped = 0

    def collect(self) -> Iterable[Metric]:
        """Return the counts as a metric."""
        spans = CounterMetricFamily("gateway_spans", "Spans of traces, by what became of them.", labels=["outcome"])
        spans.add_metric(["exported"], self.exported)
        spans.add_metric(["dropped"], self.dropped)
        return [spans]
