"""Metrics of the cache of records, in all and by the kind of record, and of Redis."""

from collections.abc import Iterable
from typing import Final

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric

from gateway.telemetry.families import counters, histograms
from resolvers.cache.records import RecordCache
from resolvers.redis_times import RedisTimes

OUTCOMES: Final = ("hits", "stale", "misses", "joined", "from_redis")
"""The counters of each kind."""


def cache_metrics(records: RecordCache) -> Iterable[Metric]:
    """Yield the metrics of a cache."""
    yield _events(records)
    yield from _by_kind(records)
    yield GaugeMetricFamily("gateway_cache_entries", "Entries in this process's memory.", value=len(records.memory))
    yield GaugeMetricFamily("gateway_cache_bytes", "What they weigh, estimated.", value=records.memory.bytes)
    if records.shared is not None:
        available = float(records.shared.link.available)
        yield GaugeMetricFamily("gateway_cache_redis_up", "1 while records are shared through Redis.", value=available)


def redis_metric(times: RedisTimes) -> Metric:
    """Return the metric of how long Redis takes."""
    series = [([purpose], histogram) for purpose, histogram in times.by_purpose.items()]
    return histograms("gateway_redis_command_seconds", "What commands of Redis took.", ["purpose"], series)


def _events(records: RecordCache) -> Metric:
    # Added up here, so that a read has only the counter of its kind to increase.
    totals = {outcome: sum(getattr(one, outcome) for one in records.by_kind.values()) for outcome in OUTCOMES}
    counts = {**totals, **msgspec.structs.asdict(records.counts)}
    series = [([event], count) for event, count in counts.items()]
    return counters("gateway_cache_events", "What the cache of records did.", ["event"], series)


def _by_kind(records: RecordCache) -> Iterable[Metric]:
    kinds = records.by_kind.items()
    served = [([kind, outcome], getattr(counts, outcome)) for kind, counts in kinds for outcome in OUTCOMES]
    yield counters("gateway_cache_reads", "Records, by how they were served.", ["kind", "outcome"], served)
    batches = [([kind], counts.batches) for kind, counts in kinds]
    yield histograms("gateway_cache_batch_size", "How many records were read together.", ["kind"], batches)
