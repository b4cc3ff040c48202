"""What is read when somebody asks, and costs nothing before: counts kept elsewhere, and how things stand."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.http.server_protocol import ConnectionCounts
from gateway.operations.documents.request_limits import RequestCounts
from gateway.operations.spent_counts import SpentCounts
from gateway.telemetry.metrics_operations import OperationCounts
from resolvers.cache.records import RecordCache
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.health import UpstreamHealth


@dataclass(frozen=True, slots=True)
class StateSources:
    """Where it is read; process lifetime.

    Args:
        operations: What operations came to.
        connections: Connections that the server ended.
        requests: Requests that were too large.
        spent: Requests whose caller had spent its budget.
        records: The cache, if there is one.
        addresses: Every address of each upstream, once.
        open_connections: How many WebSockets and streams are open.
        refused_logins: How many requests of logins were refused for there were too many.
    """

    operations: OperationCounts
    connections: ConnectionCounts
    requests: RequestCounts
    spent: SpentCounts
    records: RecordCache | None
    addresses: Mapping[UpstreamName, Sequence[UpstreamHealth]]
    open_connections: Callable[[], int]
    refused_logins: Callable[[], int]


class StateCollector(Collector):
    """Tells it as metrics; process lifetime."""

    def __init__(self, sources: StateSources) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        """Read everything once."""
        sources = self._sources
        yield _counts("gateway_operations", "Operations, by what came of them.", "outcome", sources.operations)
        yield _counts(
            "gateway_connections_ended", "Clients' connections that the server ended.", "reason", sources.connections
        )
        yield _counts("gateway_large_requests_refused", "Requests refused for their size.", "part", sources.requests)
        yield _counts("gateway_spent_budgets_refused", "Requests refused for a spent budget.", "budget", sources.spent)
        if sources.records is not None:
            yield from _cache(sources.records)
        yield from _breakers(sources.addresses)
        yield GaugeMetricFamily(
            "gateway_open_connections", "Open WebSockets and streams.", value=sources.open_connections()
        )
        yield CounterMetricFamily(
            "gateway_logins_refused", "Requests of logins beyond their limits.", value=sources.refused_logins()
        )


def _counts(name: str, meaning: str, label: str, counts: msgspec.Struct) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=[label])
    for field, count in msgspec.structs.asdict(counts).items():
        family.add_metric([field], count)
    return family


def _cache(records: RecordCache) -> Iterable[Metric]:
    yield _counts("gateway_cache_events", "What the cache of records did.", "event", records.counts)
    yield GaugeMetricFamily("gateway_cache_entries", "Entries in this process's memory.", value=len(records.memory))
    yield GaugeMetricFamily("gateway_cache_bytes", "What they weigh, estimated.", value=records.memory.bytes)
    if records.shared is not None:
        available = float(records.shared.link.available)
        yield GaugeMetricFamily("gateway_cache_redis_up", "1 while records are shared through Redis.", value=available)


def _breakers(addresses: Mapping[UpstreamName, Sequence[UpstreamHealth]]) -> Iterable[Metric]:
    """Addresses are counted, not named: where an upstream is may be nobody's business."""
    known = GaugeMetricFamily(
        "gateway_upstream_addresses",
        "Addresses of an upstream, by the limits they are asked with.",
        labels=["upstream"],
    )
    opened = GaugeMetricFamily(
        "gateway_upstream_breakers_open", "Addresses of an upstream whose breaker is open.", labels=["upstream"]
    )
    for upstream, healths in addresses.items():
        known.add_metric([upstream.value], len(healths))
        opened.add_metric([upstream.value], sum(health.probe_at is not None for health in healths))
    yield known
    yield opened
