"""Plain numbers as Prometheus's metric families."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TypeAlias

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.samples import Exemplar

from resolvers.histogram import Histogram

Bucket: TypeAlias = tuple[str, float] | tuple[str, float, Exemplar]
"""An upper bound, the number of values up to it, and an example of the last interval."""

Series: TypeAlias = Iterable[tuple[Sequence[str], float]]
"""Values of labels, and the number that they have."""


def buckets(histogram: Histogram) -> list[Bucket]:
    """Return the cumulative counts by upper bound, with an example each, as Prometheus has them."""
    # Each bucket of Prometheus counts all values up to its bound, those of the buckets below included.
    bounds = [*map(str, histogram.bounds), "+Inf"]
    counts = map(float, accumulate(histogram.counts))
    return [_bucket(histogram, *one) for one in zip(bounds, counts, range(len(bounds)), strict=True)]


def _bucket(histogram: Histogram, bound: str, count: float, interval: int) -> Bucket:
    example = histogram.examples.get(interval)
    if example is None:
        return bound, count
    trace_id, value, at = example
    return bound, count, Exemplar({"trace_id": trace_id}, value, at)


def histograms(
    name: str, meaning: str, labels: Sequence[str], series: Iterable[tuple[Sequence[str], Histogram]]
) -> Metric:
    """Return a metric of histograms.

    Args:
        name: Its name.
        meaning: One line.
        labels: The names of its labels.
        series: The labels' values, and the histogram that they have.
    """
    family = HistogramMetricFamily(name, meaning, labels=labels)
    for values, histogram in series:
        family.add_metric(values, buckets(histogram), histogram.total)
    return family


def gauges(name: str, meaning: str, labels: Sequence[str], series: Series) -> Metric:
    """Return a metric of numbers that rise and fall; see `histograms`."""
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, number in series:
        family.add_metric(values, number)
    return family


def counters(name: str, meaning: str, labels: Sequence[str], series: Series) -> Metric:
    """Return a metric of numbers that only rise; its name is given without `_total`. See `histograms`."""
    family = CounterMetricFamily(name, meaning, labels=labels)
    for values, number in series:
        family.add_metric(values, number)
    return family


def counted(name: str, meaning: str, label: str, counts: msgspec.Struct) -> Metric:
    """Return a metric of the fields of a struct, each a series with its name as the label."""
    return counters(
        name, meaning, [label], [([field], count) for field, count in msgspec.structs.asdict(counts).items()]
    )
